// How a call ends: what is written, published and counted. What comes before stands in coordinator.cpp.
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "orchestrator/services/coordinator.hpp"
#include "orchestrator/services/dead_letters.hpp"
#include "orchestrator/services/later.hpp"
#include "orchestrator/services/results.hpp"

namespace geminga::orchestrator {

ClaimedCall Coordinator::claimed(const Call& call) {
  return {.claim = {.request_id = call.signal.request_id, .token = call.token},
          .signal = call.signal,
          .original = call.item.message(),
          .failures = call.failures};
}

void Coordinator::finish(const CallPtr& call, const Ending& ending, bool with_dead_letter) {
  write_end(call, finish_of(*core_, claimed(*call), ending, with_dead_letter), execution_of(*call, ending));
}

bool Coordinator::again(const Result<>& written, std::function<void()> step) {
  if (written || stopping_) return false;
  if (written.error().code == ErrorCode::claim_lost || written.error().code == ErrorCode::closed)
    return false;
  log::error("orchestrator", "the end of a call is not written yet: {}", written.error().message);
  postponed_.push_back(std::move(step));
  return true;
}

void Coordinator::write_end(const CallPtr& call, WrittenEnd end, Execution execution) {
  auto copy = end.finish;
  core_->store->finish_claim(std::move(copy), [self = shared_from_this(), call, end = std::move(end),
                                               execution = std::move(execution)](Result<> written) mutable {
    self->on_loop([self = self.get(), call, end = std::move(end), execution = std::move(execution),
                   written = std::move(written)] {
      if (self->again(written, [=] { self->write_end(call, end, execution); })) return;
      self->release(call);
      // The signal comes again and finds another owner's end, or an attempt of unknown outcome.
      if (!written) return call->item.hand_back(written.error());
      self->core_->on_end(end.finish.request_id, end.finish.result_json);
      auto messages = end_messages(*self->core_, call->envelope, end);
      messages.push_back(self->core_->record(call->envelope, execution));
      call->item.forward(std::move(messages));
    });
  });
}

TopicMessage Coordinator::retry_message(const Call& call, const std::string& error, Timestamp at) const {
  auto signal = call.signal;
  ++signal.attempt;
  signal.last_error = error;
  signal.timestamp = core_->now();
  return later_message(*core_, call.envelope,
                       {.role = TopicRole::tool_signals,
                        .status = "TOOL_READY",
                        .body = to_json(signal),
                        .attempt = signal.attempt},
                       at);
}

void Coordinator::retry(const CallPtr& call, const Ending& ending) {
  auto retry = retry_of(*core_, claimed(*call), ending);
  std::vector<TopicMessage> messages;
  messages.push_back(retry_message(*call, ending.error, retry.retry_at));
  messages.push_back(core_->record(call->envelope, execution_of(*call, ending)));
  write_retry(call, std::move(retry), std::move(messages));
}

void Coordinator::write_retry(const CallPtr& call, RetryClaim retry, std::vector<TopicMessage> messages) {
  auto copy = retry;
  core_->store->retry_claim(std::move(copy), [self = shared_from_this(), call, retry = std::move(retry),
                                              messages = std::move(messages)](Result<> written) mutable {
    self->on_loop([self = self.get(), call, retry = std::move(retry), messages = std::move(messages),
                   written = std::move(written)]() mutable {
      if (self->again(written, [=] { self->write_retry(call, retry, messages); })) return;
      self->release(call);
      if (!written) return call->item.hand_back(written.error());
      call->item.forward(std::move(messages));
    });
  });
}

void Coordinator::hand_back(const CallPtr& call, const Ending& ending) {
  const auto delay =
      held_servers_->refused(call->signal.server_id, ending.retry_after, core_->clock.monotonic_now());
  core_->store->release_claim(
      {.request_id = call->signal.request_id, .token = call->token},
      [self = shared_from_this(), call, ending, delay](Result<> written) {
        self->on_loop([self = self.get(), call, ending, delay, written = std::move(written)] {
          if (self->again(written, [=] { self->hand_back(call, ending); })) return;
          self->release(call);
          call->item.hand_back(delay);
        });
      });
}

Execution Coordinator::execution_of(const Call& call, const Ending& ending) const {
  Execution execution;
  execution.request_id = call.signal.request_id;
  execution.step = "coordinator";
  execution.attempt = call.signal.attempt;
  execution.server_id = call.signal.server_id;
  execution.tool_id = call.signal.tool_id;
  execution.arguments_hash = arguments_hash(call.signal.params);
  execution.started_at = call.began;
  execution.ended_at = hop_now();
  execution.outcome = ending.outcome;
  if (!ending.error.empty()) execution.error = ending.error.substr(0, 2'048);
  return execution;
}

void Coordinator::count(const Call& call, const Ending& ending) {
  const auto& server = call.signal.server_id;
  if (ending.outcome == Outcome::ok) core_->usage.add(server, call.signal.tool_id);
  metrics_->ended(server, call.signal.tool_id, ending.outcome, hop_now() - call.began);
}

}  // namespace geminga::orchestrator
