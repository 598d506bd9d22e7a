#include "mcp/session.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "mcp/failure.hpp"
#include "mcp/session_parts.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::mcp {
namespace {

constexpr std::size_t kAnswersMax = 1'000;  // that the server asked for and has not taken

}  // namespace

Session::Session(std::string server, std::unique_ptr<Transport> transport, base::EventLoop& loop,
                 SessionOptions options, std::shared_ptr<Era> era)
    : server_(std::move(server)),
      transport_(std::move(transport)),
      loop_(loop),
      options_(options),
      era_(std::move(era)),
      meta_(
          wire::mcp::request_meta(kClientName, kClientVersion, options.elicitation == Elicitation::defaults)),
      patience_(loop),
      ask_timer_(loop),
      list_timer_(loop),
      refresh_timer_(loop),
      listen_timer_(loop) {}

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
  if (down_) return;
  *era_ == Era::handshake ? handshake() : discover();
}

// --- requests
// -----------------------------------------------------------------------------------------------------

std::int64_t Session::request(RequestHead head, nlohmann::json params, AnswerDone done) {
  const std::int64_t id = next_id_++;
  if (stateless_) params["_meta"].update(meta_);
  Pending& pending = pending_[id];
  pending.text = wire::mcp::encode_request(id, head.method, wire::mcp::to_text(params));
  pending.head = std::move(head);
  pending.done = std::move(done);
  if (in_handshake_ && pending.head.method != kInitialize) {  // a new session is on its way
    pending.sent_again = true;
    lost_.insert(id);
  } else {
    transport_->send_request(id, pending.text, pending.head);
  }
  return id;
}

void Session::finish(std::int64_t id, const Answer& answer) {
  const auto node = pending_.extract(id);
  if (node.empty()) {
    ++late_answers_;
    return;
  }
  lost_.erase(id);
  node.mapped().done(answer);
}

// Nobody waits for its answer any more.
void Session::give_up(std::int64_t request, std::string_view reason) {
  if (pending_.erase(request) == 0) return;
  if (lost_.erase(request) == 0 && transport_->left(request)) tell_cancelled(request, reason);
  transport_->forget(request);
}

// The same, but the server hears nothing of it.
void Session::forget(std::int64_t& request) {
  pending_.erase(request);
  lost_.erase(request);
  transport_->forget(std::exchange(request, 0));
}

void Session::tell_cancelled(std::int64_t request, std::string_view reason) {
  if (stateless_ && transport_->stream_per_request()) return;  // the end of its stream says so
  transport_->send(wire::mcp::encode_notification(
      "notifications/cancelled", wire::mcp::to_text(wire::mcp::cancelled_params(request, reason))));
}

void Session::fail_all(const Error& error) {
  for (const auto& [id, pending] : std::exchange(pending_, {}))
    pending.done(std::unexpected(ended_without_answer(error, !lost_.contains(id) && transport_->left(id))));
  lost_.clear();
  while (!calls_.empty()) {  // those that wait for their task, or with a refusal for the list
    const bool executed = may_have_run(calls_.begin()->second);
    end_call(calls_.begin()->first, std::unexpected(ended_without_answer(error, executed)));
  }
}

void Session::end() {
  down_ = true;
  for (base::Timer* timer : {&patience_, &ask_timer_, &list_timer_, &refresh_timer_, &listen_timer_})
    timer->cancel();
}

void Session::close() {
  if (down_) return;
  end();
  learn_from_end();
  for (const auto& [number, one] : calls_)
    if (one.request != 0 && !lost_.contains(one.request) && transport_->left(one.request))
      tell_cancelled(one.request, "the client is stopping");
  fail_all({ErrorCode::closed, fmt::format("server '{}' is being stopped", server_)});
  transport_->close();
}

void Session::down(Error error) {
  if (down_) return;
  end();
  learn_from_end();
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
      return finish(message.number.value_or(0), std::unexpected(rpc_failure(message, stateless_)));
  }
}

void Session::take_request(const wire::mcp::Message& message) {
  if (stateless_ && transport_->stream_per_request()) {
    log::warn("mcp", "server '{}' asks '{}' by itself, which protocol {} does not have", server_,
              message.method, identity_.protocol_version);
    return;
  }
  if (transport_->unsent() >= kAnswersMax) {
    return down({ErrorCode::protocol_error,
                 fmt::format("server '{}' asks on and on and does not take the answers: {} wait for it",
                             server_, transport_->unsent())});
  }
  if (message.method == "ping") return transport_->send(wire::mcp::encode_result(message.id, "{}"));
  if (message.method == kElicitation && options_.elicitation == Elicitation::defaults)
    return transport_->send(wire::mcp::encode_result(
        message.id, wire::mcp::to_text(wire::mcp::elicitation_defaults(body_of(message.body)))));
  transport_->send(wire::mcp::encode_error(
      message.id, wire::mcp::kMethodNotFound,
      fmt::format("this client has not declared that it offers '{}'", message.method)));
}

void Session::take_notification(const wire::mcp::Message& message) {
  const nlohmann::json& params = body_of(message.body);
  if (message.method == "notifications/tools/list_changed") {
    if (ready_ || listing_) list();
  } else if (message.method == "notifications/progress") {
    const auto progress = wire::mcp::read_progress(params);
    const auto found = progress ? calls_.find(progress->token) : calls_.end();
    if (found != calls_.end() && found->second.call.on_progress)
      found->second.call.on_progress(
          {.progress = progress->progress, .total = progress->total, .message = progress->message});
  } else if (message.method == "notifications/subscriptions/acknowledged") {
    const auto granted = params.find("notifications");
    is_told_ = granted != params.end() && granted->is_object() && granted->contains("toolsListChanged") &&
               granted->at("toolsListChanged") == true;
    if (!is_told_) return;
    refresh_timer_.cancel();
    listen_pause_ = {};
  } else if (message.method == "notifications/cancelled") {
    const auto id = params.is_object() ? params.find("requestId") : params.end();
    if (listen_request_ != 0 && id != params.end() && *id == listen_request_)
      finish(listen_request_, wire::mcp::JsonPtr());
  } else if (message.method == "notifications/message") {
    log::debug("mcp", "server '{}' logs: {}", server_, params.dump(-1, ' ', true));
  }
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

}  // namespace geminga::mcp
