// What HttpCore does before it gives an exchange up: get another token, go on with a stream that has ended.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "mcp/failure.hpp"
#include "mcp/http_core.hpp"

namespace geminga::mcp {
namespace {

constexpr int kRefusalsMax = 2;  // none or an old token, then one with too small a scope
constexpr std::chrono::milliseconds kResumeDelayMax{60'000};
constexpr int kResumedInVainMax = 5;

oauth::Authorizer::Refusal refusal_of(const HttpExchange& exchange) {
  return {.status = exchange.status,
          .used = exchange.authorization,
          .challenge = oauth::read_challenge(exchange.headers).value_or(oauth::Challenge{})};
}

}  // namespace

// --- authorization
// ------------------------------------------------------------------------------------------------

// True where it is being seen to.
bool HttpCore::authorize(const HttpExchangePtr& exchange) {
  if (authorizer_ == nullptr || exchange->refusals == kRefusalsMax) return false;
  if (exchange->id && !requests_.contains(*exchange->id)) return false;
  auto refusal = refusal_of(*exchange);
  const bool wants_more = exchange->status == 403 && refusal.challenge.error == "insufficient_scope";
  if (exchange->status != 401 && !wants_more) return false;
  ++exchange->refusals;
  authorizer_->refused(std::move(refusal), [weak = weak_from_this(), exchange](const Result<>& result) {
    if (const auto self = weak.lock()) self->authorized(exchange, result);
  });
  return true;
}

void HttpCore::authorized(const HttpExchangePtr& exchange, const Result<>& result) {
  if (!running_.contains(exchange)) return;  // forgotten, or closed
  if (result) {
    exchange->begin_anew(max_message_bytes_);
    return send_post(exchange);
  }
  CallFailure failure = http_failure(exchange->status, exchange->headers, exchange->body);
  failure.error.message += fmt::format("; no token: {}", result.error().message);
  // The tool was not called; whether that is worth another try is up to those who give the tokens.
  if (result.error().retryable() || result.error().code == ErrorCode::outcome_unknown)
    failure.kind = FailureClass::not_executed;
  leave(exchange, [&] { fail_request(exchange, std::move(failure)); });
}

void HttpCore::listen_with_another_token(const HttpExchangePtr& exchange) {
  authorizer_->refused(refusal_of(*exchange), [weak = weak_from_this()](const Result<>& result) {
    const auto self = weak.lock();
    if (self != nullptr && result && !self->closed_ && self->listening_ == nullptr) self->listen();
  });
}

// --- streams that end before the answer
// ---------------------------------------------------------------------------

// True where the stream will be gone on with (protocol 2025-11-25, "Resumability and Redelivery").
bool HttpCore::resume(const HttpExchangePtr& exchange) {
  if (stateless_ || !exchange->id || !requests_.contains(*exchange->id) || exchange->broken) return false;
  const auto& events = *exchange->events;
  if (exchange->is_stream && !events.last_event_id().empty()) {
    exchange->last_event_id = events.last_event_id();
    exchange->resumed_in_vain = 0;
  } else {
    const bool refused = exchange->status != 0 && !exchange->is_stream;
    if (exchange->last_event_id.empty() || refused || ++exchange->resumed_in_vain > kResumedInVainMax)
      return false;
  }
  if (const auto wish = events.retry_ms())
    exchange->resume_delay = std::min(std::chrono::milliseconds{*wish}, kResumeDelayMax);
  exchange->begin_anew(max_message_bytes_);
  exchange->resume_timer = std::make_unique<base::Timer>(loop_);
  exchange->resume_timer->set_after(exchange->resume_delay, [this, weak = std::weak_ptr(exchange)] {
    if (const auto waiting = weak.lock()) send_resumed(waiting);
  });
  return true;
}

void HttpCore::send_resumed(const HttpExchangePtr& exchange) {
  net::ClientRequest what = request("GET", exchange);
  what.headers.add("Accept", "text/event-stream");
  what.headers.add("Last-Event-ID", exchange->last_event_id);
  send(std::move(what), exchange);
}

}  // namespace geminga::mcp
