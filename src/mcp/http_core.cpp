#include "mcp/http_core.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "mcp/failure.hpp"
#include "wire/mcp/param_headers.hpp"

namespace geminga::mcp {
namespace {

constexpr std::chrono::milliseconds kListenAgain{2'000};
constexpr std::chrono::milliseconds kDeleteTimeout{1'000};
constexpr std::chrono::seconds kNotificationTimeout{30};
constexpr std::size_t kErrorBodyMax = 64 * 1024;

}  // namespace

void HttpExchange::begin_anew(std::size_t max_bytes) {
  number.reset();
  status = 0;
  headers = {};
  is_stream = false;
  events.emplace(max_bytes);
  body.clear();
}

HttpCore::HttpCore(base::EventLoop& loop, net::HttpClient& client, std::string name, HttpEndpoint endpoint,
                   std::size_t max_bytes, std::shared_ptr<oauth::Authorizer> authorizer)
    : loop_(loop),
      client_(client),
      name_(std::move(name)),
      endpoint_(std::move(endpoint)),
      max_message_bytes_(max_bytes),
      authorizer_(std::move(authorizer)),
      listen_again_(std::make_unique<base::Timer>(loop)),
      grace_(std::make_unique<base::Timer>(loop)) {}

// --- sending
// ------------------------------------------------------------------------------------------------------

net::ClientRequest HttpCore::request(std::string method, const HttpExchangePtr& exchange) {
  net::ClientRequest request{
      .method = std::move(method), .url = endpoint_.url, .timeout = std::chrono::milliseconds{0}};
  for (const auto& [name, value] : endpoint_.headers) request.headers.add(name, value);
  if (authorizer_ != nullptr) exchange->authorization = authorizer_->authorization();
  if (!exchange->authorization.empty()) request.headers.add("Authorization", exchange->authorization);
  if (!session_id_.empty()) request.headers.add("Mcp-Session-Id", session_id_);
  if (!version_.empty()) request.headers.add("MCP-Protocol-Version", version_);
  exchange->with_session = !session_id_.empty();
  request.on_head = [self = shared_from_this(), exchange](int status, const net::HttpHeaders& headers) {
    self->take_head(exchange, status, headers);
  };
  request.on_data = [self = shared_from_this(), exchange](std::string_view piece) {
    self->take_data(exchange, piece);
  };
  return request;
}

void HttpCore::send(net::ClientRequest request, const HttpExchangePtr& exchange) {
  exchange->number = client_.send(
      std::move(request), [self = shared_from_this(), exchange](const Result<net::ClientResponse>& result) {
        exchange->number.reset();
        self->finished(exchange, result);
      });
}

void HttpCore::post(std::optional<std::int64_t> id, std::string text, RequestHead head,
                    std::function<void()> taken) {
  if (closed_) return;
  const auto exchange = std::make_shared<HttpExchange>(max_message_bytes_);
  exchange->id = id;
  exchange->is_notification = !id.has_value();
  exchange->text = std::move(text);
  exchange->head = std::move(head);
  exchange->taken = std::move(taken);
  running_.insert(exchange);
  if (id) requests_[*id] = exchange;
  if (authorizer_ == nullptr || !authorizer_->stale()) return send_post(exchange);
  authorizer_->renew([weak = weak_from_this(), exchange](const Result<>&) {
    const auto self = weak.lock();
    if (self != nullptr && self->running_.contains(exchange)) self->send_post(exchange);
  });
}

void HttpCore::send_post(const HttpExchangePtr& exchange) {
  net::ClientRequest what = request("POST", exchange);
  what.headers.add("Content-Type", "application/json");
  what.headers.add("Accept", "application/json, text/event-stream");
  if (stateless_) {
    if (!exchange->head.method.empty()) what.headers.add("Mcp-Method", exchange->head.method);
    if (!exchange->head.name.empty())
      what.headers.add("Mcp-Name", wire::mcp::header_value(exchange->head.name));
    for (const auto& [name, value] : exchange->head.headers) what.headers.add(name, value);
  }
  what.body = authorizer_ == nullptr ? std::move(exchange->text) : exchange->text;
  if (exchange->is_notification) what.timeout = kNotificationTimeout;
  send(std::move(what), exchange);
}

std::size_t HttpCore::unsent() const {
  const auto is_notification = [](const HttpExchangePtr& exchange) { return exchange->is_notification; };
  return static_cast<std::size_t>(std::ranges::count_if(running_, is_notification));
}

void HttpCore::forget(std::int64_t id) {
  if (auto node = requests_.extract(id); !node.empty()) drop(node.mapped());
}

// Ends an exchange whose answer nobody waits for any more.
void HttpCore::drop(const HttpExchangePtr& exchange) {
  exchange->resume_timer.reset();
  if (exchange->number) {
    client_.cancel(*exchange->number);
  } else {
    running_.erase(exchange);
  }
}

// --- what comes back
// ----------------------------------------------------------------------------------------------

void HttpCore::take_head(const HttpExchangePtr& exchange, int status, const net::HttpHeaders& headers) {
  exchange->status = status;
  exchange->headers = headers;
  exchange->is_stream = status == 200 && net::media_type(headers.get("Content-Type")) == "text/event-stream";
  if (exchange == listening_ && exchange->is_stream) listen_refused_ = false;
  if (status == 200 && !stateless_ && !exchange->with_session && session_id_.empty() &&
      headers.has("Mcp-Session-Id"))
    session_id_ = std::string(headers.get("Mcp-Session-Id"));
}

void HttpCore::take_data(const HttpExchangePtr& exchange, std::string_view piece) {
  if (closed_ || exchange->broken) return;
  if (exchange->is_stream) return take_events(exchange, piece);
  const std::size_t limit = exchange->status == 200 ? max_message_bytes_ : kErrorBodyMax;
  if (exchange->body.size() + piece.size() <= limit) {
    exchange->body.append(piece);
  } else if (exchange->status == 200) {
    exchange->broken = {
        .kind = FailureClass::final,
        .error = {ErrorCode::too_large,
                  fmt::format("server '{}' answered with more than {} bytes; raise max_message_bytes in "
                              "[servers.{}] of geminga.toml",
                              name_, max_message_bytes_, name_)}};
    client_.cancel(*exchange->number);
  }
}

void HttpCore::take_events(const HttpExchangePtr& exchange, std::string_view piece) {
  std::vector<wire::mcp::SseEvent> events;
  if (auto fed = exchange->events->feed(piece, events); !fed) {
    exchange->broken = {.kind = FailureClass::final, .error = fed.error()};
    client_.cancel(*exchange->number);
  }
  if (exchange == listening_) last_event_id_ = exchange->events->last_event_id();
  for (const auto& event : events) {
    if (event.event == "message" && !event.data.empty() && !closed_) take_messages(event.data);
  }
}

void HttpCore::take_messages(std::string_view text) {
  auto messages = wire::mcp::decode(text);
  if (!messages) {
    if (++noise_ <= 5)
      log::warn("mcp", "server '{}' sent what is no message: {}", name_, messages.error().message);
    return;
  }
  for (auto& message : *messages) {
    using wire::mcp::MessageKind;
    const bool is_answer = message.kind == MessageKind::response || message.kind == MessageKind::error;
    if (is_answer && message.number) answered(*message.number);
    if (!closed_) events_.on_message(std::move(message));
  }
}

// The answer may have come by another stream than the request's own.
void HttpCore::answered(std::int64_t id) {
  auto node = requests_.extract(id);
  if (node.empty()) return;
  node.mapped()->answered = true;
  if (!node.mapped()->last_event_id.empty()) drop(node.mapped());  // its GET may stay open for ever
}

void HttpCore::fail_request(const HttpExchangePtr& exchange, CallFailure failure) {
  if (closed_) return;
  if (exchange->id) {
    events_.on_request_failed(*exchange->id, std::move(failure));
  } else if (exchange != listening_) {
    log::debug("mcp", "server '{}' did not take a notification: {}", name_, failure.error.message);
  }
}

void HttpCore::finished(const HttpExchangePtr& exchange, const Result<net::ClientResponse>& result) {
  if (!closed_ && (authorize(exchange) || resume(exchange))) return;
  leave(exchange, [&] { ended(exchange, result); });
}

void HttpCore::leave(const HttpExchangePtr& exchange, const std::function<void()>& tell) {
  running_.erase(exchange);
  if (closed_) return go_on_closing();
  if (exchange->id) requests_.erase(*exchange->id);
  if (!exchange->answered) tell();
  if (exchange->taken && !closed_) exchange->taken();
}

void HttpCore::ended(const HttpExchangePtr& exchange, const Result<net::ClientResponse>& result) {
  if (exchange->broken) return fail_request(exchange, *exchange->broken);
  const int status = exchange->status;
  if (!exchange->last_event_id.empty()) {
    return fail_request(
        exchange, {.kind = FailureClass::outcome_unknown,
                   .error = {ErrorCode::outcome_unknown,
                             fmt::format("the stream of server '{}' ended before its answer, and there is no "
                                         "going on with it (HTTP status {})",
                                         name_, status)}});
  }
  if (!result) return fail_request(exchange, http_client_failure(result.error()));
  if (status == 404 && exchange->with_session && exchange->id) return events_.on_session_lost(*exchange->id);
  if (status < 200 || status >= 300)
    return fail_request(exchange, http_failure(status, exchange->headers, exchange->body));
  if (!exchange->id) return;
  if (!exchange->is_stream) take_messages(exchange->body);
  // Whoever got its answer does not listen any more.
  fail_request(exchange,
               {.kind = FailureClass::outcome_unknown,
                .error = {ErrorCode::outcome_unknown,
                          fmt::format("server '{}' ended its answer (HTTP {}, {}) without a response", name_,
                                      status, exchange->headers.get("Content-Type"))},
                .http_status = status});
}

// --- a session, and what the server says unasked
// ------------------------------------------------------------------

void HttpCore::stateless_begins(std::string_view version) {
  handshake_begins();
  stateless_ = true;
  version_ = version;
}

void HttpCore::handshake_begins() {
  stateless_ = false;
  session_id_.clear();
  version_.clear();
  last_event_id_.clear();
  listen_again_->cancel();
  if (listening_ == nullptr) return;
  if (const auto number = std::exchange(listening_, nullptr)->number) client_.cancel(*number);
}

void HttpCore::handshake_ended(std::string_view version) {
  version_ = version;
  listen();
}

void HttpCore::listen() {
  const auto exchange = std::make_shared<HttpExchange>(max_message_bytes_);
  listening_ = exchange;
  net::ClientRequest what = request("GET", exchange);
  what.headers.add("Accept", "text/event-stream");
  if (!last_event_id_.empty()) what.headers.add("Last-Event-ID", last_event_id_);
  running_.insert(exchange);
  exchange->number = client_.send(std::move(what),
                                  [self = shared_from_this(), exchange](const Result<net::ClientResponse>&) {
                                    self->running_.erase(exchange);
                                    self->listen_finished(exchange);
                                  });
}

void HttpCore::listen_finished(const HttpExchangePtr& exchange) {
  if (closed_) return go_on_closing();
  if (exchange != listening_) return;
  listening_ = nullptr;
  if (exchange->status == 401 && authorizer_ != nullptr && !std::exchange(listen_refused_, true))
    return listen_with_another_token(exchange);
  // 405: this server says nothing unasked. Other refusals are no reason to ask again either.
  if (exchange->status != 0 && !exchange->is_stream) return;
  const auto wish = exchange->events->retry_ms();
  listen_again_->set_after(std::max(kListenAgain, std::chrono::milliseconds{wish.value_or(0)}),
                           [this] { listen(); });
}

// --- the end
// ------------------------------------------------------------------------------------------------------

void HttpCore::end_session() {
  const auto exchange = std::make_shared<HttpExchange>(max_message_bytes_);
  net::ClientRequest what = request("DELETE", exchange);
  what.timeout = kDeleteTimeout;
  what.connect_timeout = kDeleteTimeout;
  session_id_.clear();
  running_.insert(exchange);
  exchange->number = client_.send(std::move(what),
                                  [self = shared_from_this(), exchange](const Result<net::ClientResponse>&) {
                                    self->running_.erase(exchange);
                                    self->go_on_closing();
                                  });
}

void HttpCore::close() {
  if (closed_) return;
  closed_ = true;
  listen_again_->cancel();
  listening_ = nullptr;
  requests_.clear();
  std::erase_if(running_, [](const HttpExchangePtr& exchange) { return !exchange->number; });
  for (const HttpExchangePtr& exchange : running_) {
    if (!exchange->is_notification) client_.cancel(*exchange->number);
  }
  grace_->set_after(kClosingGrace, [this] {
    for (const HttpExchangePtr& exchange : running_) client_.cancel(*exchange->number);
  });
  go_on_closing();
}

// The last notifications, then the end of the session, then nothing.
void HttpCore::go_on_closing() {
  if (!running_.empty()) return;
  grace_->cancel();
  if (!session_id_.empty()) return end_session();
  if (events_.on_gone) std::exchange(events_.on_gone, nullptr)();
}

}  // namespace geminga::mcp
