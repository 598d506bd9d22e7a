#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "net/json_errors.hpp"
#include "orchestrator/api/api.hpp"
#include "orchestrator/api/json_text.hpp"
#include "orchestrator/api/submission.hpp"
#include "orchestrator/matching/normalise.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::ordered_json;

net::HttpResponse failed_wait(const Error& error, const std::string& request_id) {
  // The job was cancelled by somebody: nothing is wrong with the form of this request.
  if (error.code == ErrorCode::cancelled)
    return net::error_response(409, error.name(), error.message, request_id);
  return net::error_response(error, request_id);
}

}  // namespace

net::HttpResponse answer_of(const std::string& result_json, const std::string& job_id) {
  const auto result = parse_result(result_json);
  if (!result) return net::error_response(result.error());
  if (result->status == ResultStatus::failed)
    return net::error_response(500, "failed", result->error.value_or("the request failed"),
                               result->request_id);
  ordered_json answer{{"success", true}, {"requestId", result->request_id}, {"jobId", job_id}};
  answer["status"] = to_string(result->status);
  if (result->status == ResultStatus::plan) {
    answer["plan"] = ordered_json::parse(to_json(result->plan.value_or(std::vector<PlanStep>{})));
    // Of a plan whose steps were called.
    if (!result->result.empty()) answer["result"] = ordered_json::parse(result->result, nullptr, false);
    return net::HttpResponse::json(200, text_of(answer));
  }
  answer["tool"] = result->tool.value_or("");
  answer["toolPath"] = result->tool_path.value_or("");
  answer["result"] = ordered_json::parse(result->result, nullptr, false);
  return net::HttpResponse::json(200, text_of(answer));
}

void Api::post_query(const net::HttpRequest& request, net::Responder responder) {
  if (!accepting(responder)) return;
  auto submission = read_submission(request, parts_.core->options.settings.query_bytes_max);
  if (!submission) return responder.respond(submission.error());
  auto place = parts_.waiting->take_place();
  if (!place) return responder.respond(place.error());
  const auto answer = std::make_shared<AnswerOnce>(std::move(responder));
  const auto request_id = std::make_shared<std::string>();  // set before the bus may refuse it
  // The waiter stands before the message is on the bus, so that no result can pass it by.
  parts_.ingress->submit(
      *std::move(submission),
      [self = shared_from_this(), answer, request_id,
       place = *std::move(place)](const InsertedJob& inserted) mutable {
        *request_id = inserted.job.request_id;
        self->wait_for_answer(inserted, std::move(place), answer);
      },
      [self = shared_from_this(), answer, request_id](const Result<InsertedJob>& accepted) {
        if (accepted) return;
        answer->respond(net::error_response(accepted.error()));
        if (!request_id->empty()) self->parts_.waiting->refused(*request_id, accepted.error());
      });
}

void Api::wait_for_answer(const InsertedJob& inserted, WaitingQueries::Place place,
                          const std::shared_ptr<AnswerOnce>& answer) {
  const auto& job = inserted.job;
  if (terminal(job.status)) {
    if (job.result_json) return answer->respond(answer_of(*job.result_json, job.id));
    return answer->respond(failed_wait({ErrorCode::cancelled, "the job was cancelled"}, job.request_id));
  }
  parts_.waiting->wait(
      job.request_id, std::move(place),
      [answer, job_id = job.id, request_id = job.request_id](const Result<std::string>& result) {
        answer->respond(result ? answer_of(*result, job_id) : failed_wait(result.error(), request_id));
      });
}

void Api::get_match(const net::HttpRequest& request, net::Responder responder) {
  const auto query = request.query_value("query");
  const auto bytes_max = parts_.core->options.settings.query_bytes_max;
  if (!query || query->empty() || query->size() > bytes_max)
    return responder.respond(
        Error{ErrorCode::invalid_argument,
              fmt::format("'query' must hold a sentence of at most {} bytes", bytes_max)});
  const auto matcher = parts_.matcher->matcher();
  responder.respond(net::HttpResponse::json(200, matcher->explain(normalise_query(*query))));
}

}  // namespace geminga::orchestrator
