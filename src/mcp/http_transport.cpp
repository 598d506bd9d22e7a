#include "mcp/http_transport.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/event_loop.hpp"
#include "base/log.hpp"
#include "mcp/failure.hpp"
#include "net/http_client.hpp"
#include "wire/mcp/sse_parser.hpp"

namespace geminga::mcp {
namespace {

constexpr std::chrono::milliseconds kListenAgain{2'000};
constexpr std::chrono::milliseconds kDeleteTimeout{1'000};
constexpr std::size_t kErrorBodyMax = 64 * 1024;

// One POST or the GET stream, from sending to its end.
struct Exchange {
  explicit Exchange(std::size_t max_bytes) : events(max_bytes) {}
  std::optional<std::int64_t> id;  // of the request that it carries
  bool is_notification = false;
  std::uint64_t number = 0;  // at the HTTP client
  bool with_session = false;
  int status = 0;
  net::HttpHeaders headers;
  bool is_stream = false;
  wire::mcp::SseParser events;
  std::string body;  // of an answer that is no stream
  std::optional<CallFailure> broken;
};
using ExchangePtr = std::shared_ptr<Exchange>;

class HttpCore : public std::enable_shared_from_this<HttpCore> {
 public:
  HttpCore(base::EventLoop& loop, net::HttpClient& client, std::string name, HttpEndpoint endpoint,
           std::size_t max_bytes)
      : client_(client),
        name_(std::move(name)),
        endpoint_(std::move(endpoint)),
        max_message_bytes_(max_bytes),
        listen_again_(std::make_unique<base::Timer>(loop)),
        grace_(std::make_unique<base::Timer>(loop)) {}

  void start(Transport::Events events) { events_ = std::move(events); }
  void post(std::optional<std::int64_t> id, std::string text, std::function<void()> taken);
  [[nodiscard]] std::size_t unsent() const;
  void forget(std::int64_t id);
  void handshake_begins();
  void handshake_ended(std::string_view version);
  void close();
  void let_go() {
    close();
    events_ = {};
  }
  [[nodiscard]] std::uint64_t noise() const { return noise_; }

 private:
  [[nodiscard]] net::ClientRequest request(std::string method, const ExchangePtr& exchange);
  void take_head(const ExchangePtr& exchange, int status, const net::HttpHeaders& headers);
  void take_data(const ExchangePtr& exchange, std::string_view piece);
  void take_events(const ExchangePtr& exchange, std::string_view piece);
  void take_messages(std::string_view text);
  void finished(const ExchangePtr& exchange, Result<net::ClientResponse> result);
  void request_failed(const ExchangePtr& exchange, CallFailure failure);
  void listen();
  void listen_finished(const ExchangePtr& exchange);
  void end_session();
  void go_on_closing();

  net::HttpClient& client_;
  const std::string name_;
  const HttpEndpoint endpoint_;
  const std::size_t max_message_bytes_;
  Transport::Events events_;
  std::string session_id_;
  std::string version_;
  std::set<ExchangePtr> running_;
  ExchangePtr listening_;
  std::string last_event_id_;  // of the listen stream
  std::unique_ptr<base::Timer> listen_again_;
  std::unique_ptr<base::Timer> grace_;  // after close()
  bool closed_ = false;
  std::uint64_t noise_ = 0;
};

net::ClientRequest HttpCore::request(std::string method, const ExchangePtr& exchange) {
  net::ClientRequest request{
      .method = std::move(method), .url = endpoint_.url, .timeout = std::chrono::milliseconds{0}};
  for (const auto& [name, value] : endpoint_.headers) request.headers.add(name, value);
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

void HttpCore::post(std::optional<std::int64_t> id, std::string text, std::function<void()> taken) {
  if (closed_) return;
  const auto exchange = std::make_shared<Exchange>(max_message_bytes_);
  exchange->id = id;
  exchange->is_notification = !id.has_value();
  net::ClientRequest what = request("POST", exchange);
  what.headers.add("Content-Type", "application/json");
  what.headers.add("Accept", "application/json, text/event-stream");
  what.body = std::move(text);
  if (!id) what.timeout = std::chrono::seconds{30};
  running_.insert(exchange);
  exchange->number = client_.send(
      std::move(what),
      [self = shared_from_this(), exchange, taken = std::move(taken)](Result<net::ClientResponse> result) {
        self->finished(exchange, std::move(result));
        if (taken && !self->closed_) taken();
      });
}

void HttpCore::take_head(const ExchangePtr& exchange, int status, const net::HttpHeaders& headers) {
  exchange->status = status;
  exchange->headers = headers;
  exchange->is_stream = status == 200 && net::media_type(headers.get("Content-Type")) == "text/event-stream";
  if (status == 200 && !exchange->with_session && session_id_.empty() && headers.has("Mcp-Session-Id"))
    session_id_ = std::string(headers.get("Mcp-Session-Id"));
}

void HttpCore::take_data(const ExchangePtr& exchange, std::string_view piece) {
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
    client_.cancel(exchange->number);
  }
}

void HttpCore::take_events(const ExchangePtr& exchange, std::string_view piece) {
  std::vector<wire::mcp::SseEvent> events;
  if (auto fed = exchange->events.feed(piece, events); !fed) {
    exchange->broken = {.kind = FailureClass::final, .error = fed.error()};
    client_.cancel(exchange->number);
  }
  if (exchange == listening_) last_event_id_ = exchange->events.last_event_id();
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
    if (!closed_) events_.on_message(std::move(message));
  }
}

void HttpCore::request_failed(const ExchangePtr& exchange, CallFailure failure) {
  if (closed_) return;
  if (exchange->id) {
    events_.on_request_failed(*exchange->id, std::move(failure));
  } else if (exchange != listening_) {
    log::debug("mcp", "server '{}' did not take a notification: {}", name_, failure.error.message);
  }
}

void HttpCore::finished(const ExchangePtr& exchange, Result<net::ClientResponse> result) {
  running_.erase(exchange);
  if (closed_) return go_on_closing();
  if (exchange->broken) return request_failed(exchange, *exchange->broken);
  if (!result) return request_failed(exchange, http_client_failure(result.error()));
  const int status = exchange->status;
  if (status == 404 && exchange->with_session && exchange->id) return events_.on_session_lost(*exchange->id);
  if (status < 200 || status >= 300)
    return request_failed(exchange, http_failure(status, exchange->headers, exchange->body));
  if (!exchange->id) return;
  if (!exchange->is_stream) take_messages(exchange->body);
  // Whoever got its answer does not listen any more.
  request_failed(
      exchange, {.kind = FailureClass::outcome_unknown,
                 .error = {ErrorCode::outcome_unknown,
                           fmt::format("server '{}' ended its answer (HTTP {}, {}) without a response", name_,
                                       status, exchange->headers.get("Content-Type"))}});
}

std::size_t HttpCore::unsent() const {
  const auto is_notification = [](const ExchangePtr& exchange) { return exchange->is_notification; };
  return static_cast<std::size_t>(std::ranges::count_if(running_, is_notification));
}

void HttpCore::forget(std::int64_t id) {
  for (const ExchangePtr& exchange : running_) {
    if (exchange->id == id) client_.cancel(exchange->number);
  }
}

void HttpCore::handshake_begins() {
  session_id_.clear();
  version_.clear();
  last_event_id_.clear();
  listen_again_->cancel();
  if (listening_ != nullptr) client_.cancel(std::exchange(listening_, nullptr)->number);
}

void HttpCore::handshake_ended(std::string_view version) {
  version_ = version;
  listen();
}

void HttpCore::listen() {
  const auto exchange = std::make_shared<Exchange>(max_message_bytes_);
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

void HttpCore::listen_finished(const ExchangePtr& exchange) {
  if (closed_) return go_on_closing();
  if (exchange != listening_) return;
  listening_ = nullptr;
  // 405: this server says nothing unasked. Other refusals are no reason to ask again either.
  if (exchange->status != 0 && !exchange->is_stream) return;
  const auto wish = exchange->events.retry_ms();
  listen_again_->set_after(std::max(kListenAgain, std::chrono::milliseconds{wish.value_or(0)}),
                           [this] { listen(); });
}

void HttpCore::end_session() {
  const auto exchange = std::make_shared<Exchange>(max_message_bytes_);
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
  for (const ExchangePtr& exchange : running_) {
    if (!exchange->is_notification) client_.cancel(exchange->number);
  }
  grace_->set_after(kClosingGrace, [this] {
    for (const ExchangePtr& exchange : running_) client_.cancel(exchange->number);
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

class HttpTransport final : public Transport {
 public:
  explicit HttpTransport(std::shared_ptr<HttpCore> core) : core_(std::move(core)) {}
  ~HttpTransport() override { core_->let_go(); }
  void start(Events events) override { core_->start(std::move(events)); }
  void send_request(std::int64_t id, std::string text) override { core_->post(id, std::move(text), {}); }
  void send(std::string text, std::function<void()> taken) override {
    core_->post(std::nullopt, std::move(text), std::move(taken));
  }
  [[nodiscard]] std::size_t unsent() const override { return core_->unsent(); }
  void forget(std::int64_t id) override { core_->forget(id); }
  // The HTTP client knows better, but when it matters (time-out, cancel, stop) the careful answer is the
  // right one.
  [[nodiscard]] bool left(std::int64_t) const override { return true; }
  void handshake_begins() override { core_->handshake_begins(); }
  void handshake_ended(std::string_view version) override { core_->handshake_ended(version); }
  void close() override { core_->close(); }
  [[nodiscard]] std::uint64_t noise_lines() const override { return core_->noise(); }

 private:
  std::shared_ptr<HttpCore> core_;
};

}  // namespace

std::unique_ptr<Transport> make_http_transport(base::EventLoop& loop, net::HttpClient& client,
                                               std::string name, HttpEndpoint endpoint,
                                               std::size_t max_message_bytes) {
  return std::make_unique<HttpTransport>(
      std::make_shared<HttpCore>(loop, client, std::move(name), std::move(endpoint), max_message_bytes));
}

}  // namespace geminga::mcp
