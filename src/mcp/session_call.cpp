// Calls of tools: one request, or several where the server asks for more or hands the work to a task.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "mcp/failure.hpp"
#include "mcp/session.hpp"
#include "mcp/session_parts.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::mcp {
namespace {

using nlohmann::json;

constexpr int kRoundsMax = 10;
constexpr int kPollsFailedMax = 5;
constexpr std::size_t kHeaderBytesMax = 8'192;  // of arguments; many servers take no more in all

CallOutcome to_outcome(const wire::mcp::JsonPtr& answer) {
  auto result = wire::mcp::read_call_result(body_of(answer));
  if (!result) return std::unexpected(CallFailure{.kind = FailureClass::unknown, .error = result.error()});
  return CallAnswer{.content = std::move(result->content),
                    .structured = std::move(result->structured),
                    .is_error = result->is_error,
                    .structured_value = wire::mcp::JsonPtr(answer, result->structured_value)};
}

std::optional<CallFailure> over_bound(const RequestHead& head) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : head.headers) {
    bytes += name.size() + value.size();
    if (bytes > kHeaderBytesMax)
      return CallFailure{
          .kind = FailureClass::final,
          .error = {
              ErrorCode::too_large,
              fmt::format("'{}' wants arguments as headers of the request, and with {} of {} bytes they "
                          "are over {} bytes; call it with shorter ones",
                          head.name, name, value.size(), kHeaderBytesMax)}};
  }
  return std::nullopt;
}

CallFailure breach(std::string message) {
  return {.kind = FailureClass::unknown, .error = {ErrorCode::protocol_error, std::move(message)}};
}

}  // namespace

std::int64_t Session::call(Call call) {
  const std::int64_t number = next_call_++;
  auto params = wire::mcp::call_params({.tool = call.tool,
                                        .arguments = call.arguments,
                                        .idempotency_key = call.idempotency_key,
                                        .traceparent = call.traceparent,
                                        .progress_token = number});
  if (!params) {
    call.done(std::unexpected(CallFailure{.kind = FailureClass::final, .error = params.error()}));
    return number;
  }
  call.arguments.clear();
  ToolCall& one = calls_[number];
  one.call = std::move(call);
  one.params = *std::move(params);
  send_round(number);
  return number;
}

bool Session::abandon(std::int64_t call, std::string_view reason) {
  const auto node = calls_.extract(call);
  if (node.empty()) return true;
  const ToolCall& one = node.mapped();
  const bool left = may_have_run(one);
  give_up(one.request, reason);
  if (one.task) cancel_task(one.task->id);
  return left;
}

// Refused, or not sent yet, it waits for the list: of such a call the server has done nothing, unless it had
// asked for more before.
bool Session::may_have_run(const ToolCall& one) const {
  if (one.task || one.rounds > 0) return true;
  return pending_.contains(one.request) && !lost_.contains(one.request) && transport_->left(one.request);
}

void Session::end_call(std::int64_t number, CallOutcome outcome) {
  auto node = calls_.extract(number);
  if (!node.empty()) node.mapped().call.done(std::move(outcome));
}

// --- one request
// --------------------------------------------------------------------------------------------------

void Session::send_round(std::int64_t number) {
  const auto found = calls_.find(number);
  if (found == calls_.end() || down_) return;
  if (asking_) return waiting_.push_back(number);
  ToolCall& one = found->second;
  RequestHead head{.method = "tools/call", .name = one.call.tool};
  if (const auto wanted = headers_.find(one.call.tool); wanted != headers_.end())
    head.headers = wire::mcp::param_headers(wanted->second, one.params.at("arguments"));
  if (const auto failure = over_bound(head)) return end_call(number, std::unexpected(*failure));
  one.request = request(std::move(head), one.params,
                        [this, number](const Answer& answer) { take_answer(number, answer); });
}

void Session::send_waiting() {
  for (const std::int64_t number : std::exchange(waiting_, {})) send_round(number);
}

void Session::take_answer(std::int64_t number, const Answer& answer) {
  const auto found = calls_.find(number);
  if (found == calls_.end()) return;
  found->second.request = 0;
  if (!answer) return take_refusal(number, answer.error());
  const json& body = body_of(*answer);
  if (!stateless_) return end_call(number, to_outcome(*answer));
  switch (wire::mcp::result_type(body)) {
    case wire::mcp::ResultType::complete:
      return end_call(number, to_outcome(*answer));
    case wire::mcp::ResultType::input_required:
      return answer_input(number, body);
    case wire::mcp::ResultType::task:
      return take_task(number, wire::mcp::read_task(body));
    case wire::mcp::ResultType::unknown:
      break;
  }
  end_call(number, std::unexpected(breach(fmt::format("server '{}' answered with the unknown resultType {}",
                                                      server_, body.at("resultType").dump(-1, ' ', true)))));
}

void Session::take_refusal(std::int64_t number, const CallFailure& failure) {
  ToolCall& one = calls_.at(number);
  const int code = failure.rpc_code.value_or(0);
  // The tool wants other headers than it said when it was listed.
  if (stateless_ && code == wire::mcp::kHeaderMismatch && !std::exchange(one.listed_again, true)) {
    waiting_.push_back(number);
    return list();
  }
  if (!may_be_another_server(failure)) return end_call(number, std::unexpected(failure));
  CallFailure refused = failure;
  if (failure.http_status != 400 || code != 0) refused.kind = FailureClass::not_executed;
  ask_anew();  // first, so that what waits behind this call is not sent to be refused as well
  end_call(number, std::unexpected(std::move(refused)));
}

// Protocol 2026-07-28 refuses with codes of its own. What else says no to a request without a session, or
// knows no such address, may be a server of before (or none).
bool Session::may_be_another_server(const CallFailure& failure) const {
  const int code = failure.rpc_code.value_or(0);
  if (code == wire::mcp::kUnsupportedVersion) return true;
  if (!stateless_) return code == wire::mcp::kHeaderMismatch;
  const int status = failure.http_status.value_or(0);
  return code == 0 && (status == 400 || status == 404 || status == 405);
}

// --- the server asks for more
// -------------------------------------------------------------------------------------

// Honest: what nobody gives here ends the call, and the message says what it was.
std::expected<json, CallFailure> Session::input_for(const wire::mcp::InputRequests& requests) const {
  json responses = json::object();
  for (const auto& [key, wanted] : requests) {
    if (wanted.method != kElicitation || options_.elicitation != Elicitation::defaults) {
      return std::unexpected(CallFailure{
          .kind = FailureClass::final,
          .error = {
              ErrorCode::rpc_error,
              fmt::format("server '{}' asks for '{}' ('{}'), and nobody gives that here{}", server_,
                          wanted.method, wire::mcp::string_member(wanted.params, "message"),
                          wanted.method == kElicitation
                              ? fmt::format("; elicitation = \"defaults\" in [servers.{}] of geminga.toml "
                                            "gives the defaults of its form",
                                            server_)
                              : "")}});
    }
    responses[key] = wire::mcp::elicitation_defaults(wanted.params);
  }
  return responses;
}

void Session::answer_input(std::int64_t number, const json& result) {
  ToolCall& one = calls_.at(number);
  const auto wanted = wire::mcp::read_input_required(result);
  if (!wanted) return end_call(number, std::unexpected(breach(wanted.error().message)));
  if (++one.rounds > kRoundsMax)
    return end_call(number, std::unexpected(breach(fmt::format(
                                "server '{}' asked for more {} times and goes on", server_, kRoundsMax))));
  auto responses = input_for(wanted->requests);
  if (!responses) return end_call(number, std::unexpected(std::move(responses).error()));
  one.params.erase("inputResponses");
  one.params.erase("requestState");
  if (!responses->empty()) one.params["inputResponses"] = *std::move(responses);
  if (wanted->state) one.params["requestState"] = *wanted->state;
  send_round(number);
}

// --- the server hands the work to a task
// --------------------------------------------------------------------------

void Session::take_task(std::int64_t number, const Result<wire::mcp::Task>& task) {
  ToolCall& one = calls_.at(number);
  if (!task) return end_call(number, std::unexpected(breach(task.error().message)));
  one.task = *task;
  one.polls_failed = 0;
  switch (task->status) {
    case wire::mcp::TaskStatus::completed:
      return end_call(number, to_outcome(std::make_shared<const json>(task->result)));
    case wire::mcp::TaskStatus::failed:
      return end_call(number,
                      std::unexpected(rpc_failure(task->error_code, task->error_message, stateless_)));
    case wire::mcp::TaskStatus::cancelled:
      return end_call(
          number, std::unexpected(CallFailure{
                      .kind = FailureClass::unknown,
                      .error = {ErrorCode::rpc_error,
                                fmt::format("server '{}' cancelled the task: {}", server_, task->message)}}));
    case wire::mcp::TaskStatus::input_required:
      if (!task->requests.empty()) return update_task(number);
      break;
    case wire::mcp::TaskStatus::working:
      break;
  }
  const auto delay = task->poll_after;
  // It lives, so the time-out starts anew; this may end the call.
  if (one.call.on_progress) one.call.on_progress({.message = task->message});
  if (calls_.contains(number)) poll_later(number, delay);
}

void Session::poll_later(std::int64_t number, std::chrono::milliseconds delay) {
  ToolCall& one = calls_.at(number);
  if (one.poll == nullptr) one.poll = std::make_unique<base::Timer>(loop_);
  one.poll->set_after(delay, [this, number] { poll(number); });
}

void Session::task_request(std::int64_t number, std::string_view method, json params, AnswerDone done) {
  ToolCall& one = calls_.at(number);
  params["taskId"] = one.task->id;
  if (one.task->state) params["requestState"] = *one.task->state;
  one.request =
      request({.method = std::string(method), .name = one.task->id}, std::move(params), std::move(done));
}

void Session::poll(std::int64_t number) {
  if (!calls_.contains(number) || down_) return;
  task_request(number, "tasks/get", json::object(), [this, number](const Answer& answer) {
    const auto found = calls_.find(number);
    if (found == calls_.end()) return;
    ToolCall& one = found->second;
    one.request = 0;
    if (answer) return take_task(number, wire::mcp::read_task(body_of(*answer)));
    if (!down_ && !answer.error().rpc_code && ++one.polls_failed <= kPollsFailedMax)
      return poll_later(number, one.task->poll_after * (1 << one.polls_failed));
    CallFailure failure = answer.error();  // the tool was called, whatever this says of the asking
    failure.kind = FailureClass::outcome_unknown;
    end_call(number, std::unexpected(std::move(failure)));
  });
}

// A question may be there again although its answer is on the way: it is answered once.
void Session::update_task(std::int64_t number) {
  ToolCall& one = calls_.at(number);
  std::erase_if(one.task->requests, [&one](const auto& entry) { return one.answered.contains(entry.first); });
  if (one.task->requests.empty()) return poll_later(number, one.task->poll_after);
  auto responses = input_for(one.task->requests);
  if (++one.rounds > kRoundsMax)
    responses = std::unexpected(
        breach(fmt::format("server '{}' asked for more {} times and goes on", server_, kRoundsMax)));
  if (!responses) {
    cancel_task(one.task->id);
    return end_call(number, std::unexpected(std::move(responses).error()));
  }
  task_request(number, "tasks/update", {{"inputResponses", *std::move(responses)}},
               [this, number](const Answer& answer) { take_updated(number, answer); });
}

void Session::take_updated(std::int64_t number, const Answer& answer) {
  const auto found = calls_.find(number);
  if (found == calls_.end()) return;
  ToolCall& one = found->second;
  one.request = 0;
  if (answer) {
    for (const auto& [key, question] : one.task->requests) one.answered.insert(key);
  } else if (answer.error().rpc_code) {  // it goes no further, and what it has done by now nobody knows
    CallFailure failure = answer.error();
    failure.kind = FailureClass::outcome_unknown;
    cancel_task(one.task->id);
    return end_call(number, std::unexpected(std::move(failure)));
  }
  poll_later(number, one.task->poll_after);
}

// Whoever gave the call up does not wait for the answer; neither does it stay on our books for ever.
void Session::cancel_task(const std::string& task) {
  if (down_) return;
  auto patience = std::make_shared<base::Timer>(loop_);
  const std::int64_t id = request({.method = "tasks/cancel", .name = task}, {{"taskId", task}},
                                  [patience](const Answer&) { patience->cancel(); });
  patience->set_after(options_.farewell, [this, id] {
    std::int64_t unanswered = id;
    forget(unanswered);
  });
}

}  // namespace geminga::mcp
