#include "orchestrator/services/job_updater.hpp"

namespace geminga::orchestrator {

JobUpdater::JobUpdater(std::shared_ptr<Core> core)
    : core_(std::move(core)),
      intake_(std::make_shared<Intakes>(core_, "job-updater", TopicRole::results, kUpdaterSubscription)),
      unknown_(core_->metrics.counter("geminga_orchestrator_unknown_results_total",
                                      "Results of requests that no job of this store has")) {}

Result<> JobUpdater::consume() {
  return intake_->open([weak = weak_from_this()](const Item& item) {
    if (const auto self = weak.lock()) self->work(item);
  });
}

void JobUpdater::work(const Item& item) {
  const auto began = hop_now();
  auto result = parse_result(item.message().body);
  if (!result) return item.dead_letter(result.error().message);
  ResultUpdate update;
  update.request_id = result->request_id;
  update.generation = item.envelope().generation;
  update.status = result->status == ResultStatus::failed ? JobStatus::failed : JobStatus::completed;
  update.result_json = item.message().body;
  update.error_message = result->error;
  core_->store->apply_result(std::move(update),
                             [self = shared_from_this(), item, began](const Result<ResultApplied>& applied) {
                               if (!applied) return item.hand_back(applied.error());
                               self->applied(item, began, *applied);
                             });
}

void JobUpdater::applied(const Item& item, HopTime began, ResultApplied how) {
  if (how == ResultApplied::unknown_request) unknown_.add();
  if (how != ResultApplied::applied) return item.acknowledge();
  Execution hop;
  hop.request_id = item.envelope().request_id;
  hop.step = "job-updater";
  hop.started_at = began;
  hop.ended_at = hop_now();
  std::vector<TopicMessage> messages;
  messages.push_back(core_->record(item.envelope(), hop));
  item.forward(std::move(messages));
}

}  // namespace geminga::orchestrator
