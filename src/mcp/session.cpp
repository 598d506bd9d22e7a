#include "mcp/session.hpp"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "mcp/failure.hpp"

namespace geminga::mcp {
namespace {

constexpr std::string_view kClientName = "geminga";
constexpr std::string_view kClientVersion = GEMINGA_VERSION;
constexpr std::size_t kToolsMax = 10'000;
constexpr std::size_t kAnswersMax = 1'000;  // that the server asked for and has not taken
const nlohmann::json kNothing = nullptr;

const nlohmann::json& body_of(const wire::mcp::JsonPtr& body) {
  return body == nullptr ? kNothing : *body;
}

CallOutcome to_outcome(const std::expected<wire::mcp::JsonPtr, CallFailure>& answer) {
  if (!answer) return std::unexpected(answer.error());
  auto result = wire::mcp::read_call_result(body_of(*answer));
  if (!result) return std::unexpected(CallFailure{.kind = FailureClass::unknown, .error = result.error()});
  return CallAnswer{.content = std::move(result->content),
                    .structured = std::move(result->structured),
                    .is_error = result->is_error};
}

}  // namespace

Tool to_tool(const std::string& server, wire::mcp::ToolDescription description) {
  return {.server = server,
          .name = std::move(description.name),
          .title = std::move(description.title),
          .description = std::move(description.description),
          .input_schema = std::move(description.input_schema),
          .output_schema = std::move(description.output_schema),
          .annotations = {.read_only = description.read_only,
                          .destructive = description.destructive,
                          .idempotent = description.idempotent,
                          .open_world = description.open_world}};
}

Session::Session(std::string server, std::unique_ptr<Transport> transport, base::EventLoop& loop,
                 const ServerSettings& settings)
    : server_(std::move(server)),
      transport_(std::move(transport)),
      list_timeout_(settings.start_timeout),
      elicitation_(settings.elicitation),
      list_timer_(loop) {}

void Session::start(Events events) {
  events_ = std::move(events);
  transport_->start({.on_message = [this](const wire::mcp::Message& message) { take(message); },
                     .on_request_failed =
                         [this](std::int64_t id, CallFailure failure) {
                           if (pending_.contains(id)) finish(id, std::unexpected(std::move(failure)));
                         },
                     .on_session_lost = [this](std::int64_t id) { session_lost(id); },
                     .on_down = [this](Error error) { down(std::move(error)); },
                     .on_gone = [this] { events_.on_gone(); }});
  if (!down_) handshake();
}

// --- requests
// -----------------------------------------------------------------------------------------------------

std::int64_t Session::request(std::string_view method, std::string_view params,
                              std::function<void(Answer)> done) {
  const std::int64_t id = next_id_++;
  Pending& pending = pending_[id];
  pending.text = wire::mcp::encode_request(id, method, params);
  pending.done = std::move(done);
  transport_->send_request(id, pending.text);
  return id;
}

void Session::finish(std::int64_t id, Answer answer) {
  auto node = pending_.extract(id);
  if (node.empty()) {
    ++late_answers_;
    return;
  }
  lost_.erase(id);
  node.mapped().done(std::move(answer));
}

void Session::fail_all(const Error& error) {
  for (auto pending = std::exchange(pending_, {}); auto& [id, one] : pending)
    one.done(std::unexpected(ended_without_answer(error, !lost_.contains(id) && transport_->left(id))));
  lost_.clear();
}

std::int64_t Session::call(Call call) {
  const std::int64_t id = next_id_++;
  auto params = wire::mcp::call_params({.tool = call.tool,
                                        .arguments = call.arguments,
                                        .idempotency_key = call.idempotency_key,
                                        .traceparent = call.traceparent,
                                        .progress_token = id});
  if (!params) {
    call.done(std::unexpected(CallFailure{.kind = FailureClass::final, .error = params.error()}));
    return id;
  }
  Pending& pending = pending_[id];
  pending.is_call = true;
  pending.text = wire::mcp::encode_request(id, "tools/call", *params);
  pending.on_progress = std::move(call.on_progress);
  auto done = std::make_shared<CallDone>(std::move(call.done));
  pending.done = [done](const Answer& answer) { (*done)(to_outcome(answer)); };
  if (in_handshake_) {  // a new session is on its way
    pending.sent_again = true;
    lost_.insert(id);
  } else {
    transport_->send_request(id, pending.text);
  }
  return id;
}

void Session::tell_cancelled(std::int64_t call, std::string_view reason) {
  transport_->send(
      wire::mcp::encode_notification("notifications/cancelled", wire::mcp::cancelled_params(call, reason)));
}

bool Session::abandon(std::int64_t call, std::string_view reason) {
  if (pending_.erase(call) == 0) return true;
  const bool left = lost_.erase(call) == 0 && transport_->left(call);
  if (left) tell_cancelled(call, reason);
  transport_->forget(call);
  return left;
}

void Session::close() {
  if (down_) return;
  down_ = true;
  for (const auto& [id, pending] : pending_)
    if (pending.is_call && !lost_.contains(id) && transport_->left(id))
      tell_cancelled(id, "the client is stopping");
  fail_all({ErrorCode::closed, fmt::format("server '{}' is being stopped", server_)});
  transport_->close();
}

void Session::down(Error error) {
  if (down_) return;
  down_ = true;
  events_.on_down(error);  // first, so that nobody gives us what waits behind the calls that fail now
  fail_all(error);
  transport_->close();
}

Upstream::Counters Session::counters() const {
  return {.late_answers = late_answers_, .noise_lines = transport_->noise_lines()};
}

// --- what the server says
// -----------------------------------------------------------------------------------------

void Session::take(const wire::mcp::Message& message) {
  using wire::mcp::MessageKind;
  if (down_) return;
  switch (message.kind) {
    case MessageKind::request:
      return take_request(message);
    case MessageKind::notification:
      return take_notification(message);
    case MessageKind::response:
      return finish(message.number.value_or(0), message.body);
    case MessageKind::error:
      return finish(message.number.value_or(0),
                    std::unexpected(rpc_failure(message.error_code, message.error_message)));
  }
}

void Session::take_request(const wire::mcp::Message& message) {
  if (transport_->unsent() >= kAnswersMax) {
    return down({ErrorCode::protocol_error,
                 fmt::format("server '{}' asks on and on and does not take the answers: {} wait for it",
                             server_, transport_->unsent())});
  }
  if (message.method == "ping") return transport_->send(wire::mcp::encode_result(message.id, "{}"));
  if (message.method == "elicitation/create" && elicitation_ == Elicitation::defaults)
    return transport_->send(
        wire::mcp::encode_result(message.id, wire::mcp::elicitation_defaults(body_of(message.body))));
  transport_->send(wire::mcp::encode_error(
      message.id, wire::mcp::kMethodNotFound,
      fmt::format("this client has not declared that it offers '{}'", message.method)));
}

void Session::take_notification(const wire::mcp::Message& message) {
  if (message.method == "notifications/tools/list_changed") {
    if (ready_ || listing_) list();
  } else if (message.method == "notifications/progress") {
    const auto progress = wire::mcp::read_progress(body_of(message.body));
    const auto found = progress ? pending_.find(progress->token) : pending_.end();
    if (found != pending_.end() && found->second.on_progress)
      found->second.on_progress(
          {.progress = progress->progress, .total = progress->total, .message = progress->message});
  } else if (message.method == "notifications/message") {
    log::debug("mcp", "server '{}' logs: {}", server_, body_of(message.body).dump(-1, ' ', true));
  }
}

// --- handshake
// ----------------------------------------------------------------------------------------------------

void Session::handshake() {
  in_handshake_ = true;
  transport_->handshake_begins();
  request("initialize",
          wire::mcp::initialize_params(kClientName, kClientVersion, elicitation_ == Elicitation::defaults),
          [this](const Answer& answer) { take_initialize(answer); });
}

void Session::take_initialize(const Answer& answer) {
  if (down_) return;
  if (!answer) return down(answer.error().error.with("initialize"));
  const auto result = wire::mcp::read_initialize_result(body_of(*answer));
  if (!result) return down(result.error());
  identity_ = {result->server_name, result->server_version, result->protocol_version};
  has_tools_ = result->has_tools;
  transport_->send(wire::mcp::encode_notification("notifications/initialized", ""),
                   [this] { handshake_done(); });
}

void Session::handshake_done() {
  if (down_) return;
  in_handshake_ = false;
  transport_->handshake_ended(identity_.protocol_version);
  for (const std::int64_t id : std::exchange(lost_, {})) transport_->send_request(id, pending_.at(id).text);
  if (has_tools_) return list();
  if (!std::exchange(ready_, true)) events_.on_ready(identity_, {});
}

void Session::session_lost(std::int64_t id) {
  const auto found = pending_.find(id);
  if (found == pending_.end() || down_) return;
  if (in_handshake_ && !found->second.sent_again) {
    found->second.sent_again = true;
    lost_.insert(id);
  } else if (std::exchange(found->second.sent_again, true)) {
    finish(id, std::unexpected(CallFailure{
                   .kind = FailureClass::not_executed,
                   .error = {ErrorCode::unavailable,
                             fmt::format("server '{}' lost a new session too (HTTP 404)", server_)}}));
  } else {
    log::info("mcp", "server '{}' does not know the session any more; starting a new one", server_);
    lost_.insert(id);
    handshake();
  }
}

// --- the list of tools
// --------------------------------------------------------------------------------------------

void Session::list() {
  list_again_ = listing_;
  if (std::exchange(listing_, true)) return;
  listed_.clear();
  cursors_.clear();
  if (ready_) list_timer_.set_after(list_timeout_, [this] { list_timed_out(); });
  list_page("");
}

void Session::list_page(const std::string& cursor) {
  list_request_ = request("tools/list", wire::mcp::tools_list_params(cursor),
                          [this](const Answer& answer) { take_page(answer); });
}

void Session::take_page(const Answer& answer) {
  if (down_) return;
  if (!answer) return list_failed(answer.error().error.with("tools/list"));
  auto page = wire::mcp::read_tools_page(body_of(*answer));
  if (!page) return list_failed(page.error());
  if (page->unusable > 0)
    log::warn("mcp", "server '{}' lists {} tools without a name", server_, page->unusable);
  for (auto& description : page->tools) listed_.push_back(to_tool(server_, std::move(description)));
  if (page->next_cursor.empty()) return list_done();
  if (listed_.size() > kToolsMax)
    return list_failed(
        {ErrorCode::protocol_error, fmt::format("server '{}' lists over {} tools", server_, kToolsMax)});
  if (!cursors_.insert(page->next_cursor).second) {
    return list_failed(
        {ErrorCode::protocol_error,
         fmt::format("server '{}' repeats the cursor '{}' of tools/list, so its list has no end", server_,
                     page->next_cursor)});
  }
  list_page(page->next_cursor);
}

void Session::list_timed_out() {
  if (down_) return;
  abandon(list_request_, "timed out");
  list_failed({ErrorCode::timeout, fmt::format("server '{}' did not answer tools/list within {} ms", server_,
                                               list_timeout_.count())});
}

void Session::list_failed(Error error) {
  listing_ = false;
  list_timer_.cancel();
  if (!ready_) return down(std::move(error));
  log::warn("mcp", "server '{}' keeps the tools it had: {}", server_, error.message);
  if (std::exchange(list_again_, false)) list();
}

void Session::list_done() {
  listing_ = false;
  list_timer_.cancel();
  if (std::exchange(list_again_, false)) return list();
  if (!std::exchange(ready_, true)) return events_.on_ready(identity_, std::move(listed_));
  events_.on_tools(std::move(listed_));
}

}  // namespace geminga::mcp
