#include "net/http_server.hpp"

#include <netinet/tcp.h>

#include <boost/asio/buffer.hpp>
#include <fmt/core.h>

#include "base/log.hpp"
#include "base/try.hpp"
#include "net/http_connection.hpp"
#include "net/http_server_core.hpp"

namespace geminga::net {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds kSweepMax{250};

}  // namespace

HttpServerCore::HttpServerCore(HttpServerOptions server_options, Router server_router)
    : options(std::move(server_options)),
      router(std::move(server_router)),
      loop(std::make_shared<base::EventLoop>(options.thread_name)) {
  if (options.metrics != nullptr)
    open_connections_ = options.metrics->gauge("geminga_http_connections", "Open HTTP connections.");
}

HttpServerCore::~HttpServerCore() = default;

Result<> HttpServerCore::open_gate(std::unique_ptr<Gate>& gate, const std::string& address,
                                   std::uint16_t port, std::shared_ptr<TlsContext> tls) {
  gate = std::make_unique<Gate>(*loop,
                                GateOptions{.component = "http",
                                            .tls = std::move(tls),
                                            .handshake_timeout = options.handshake_timeout,
                                            .handshakes_max = options.handshakes_max},
                                [this](Stream stream) { on_stream(std::move(stream)); });
  return gate->open(address, port);
}

Result<> HttpServerCore::open() {
  if (!options.address.empty() || !options.tls)
    GEMINGA_TRY_VOID(open_gate(plain_gate_, options.address, options.port, nullptr));
  if (options.tls)
    GEMINGA_TRY_VOID(open_gate(secure_gate_, options.tls_address, options.tls_port, options.tls));
  loop->run([this] {
    sweep_timer_ = std::make_unique<base::Timer>(*loop);
    sweep();
    for (Gate* gate : {plain_gate_.get(), secure_gate_.get()})
      if (gate != nullptr) gate->start();
  });
  return {};
}

// --- connections ------------------------------------------------------------------------------------------

void HttpServerCore::on_stream(Stream stream) {
  if (connections_.size() >= options.connections_max) {
    static constexpr std::string_view kFull =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: "
        "0\r\n\r\n";
    boost::system::error_code ignored;
    stream.write_some(asio::buffer(kFull), ignored);
    return stream.close();
  }
  // A peer that vanished without a word is found out by what it does not acknowledge.
  using UserTimeout = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_USER_TIMEOUT>;
  boost::system::error_code ignored;  // options only tune
  stream.socket().set_option(UserTimeout(static_cast<int>(options.write_timeout.count())), ignored);
  const auto connection = std::make_shared<HttpConnection>(*this, std::move(stream));
  connections_.insert(connection);
  if (open_connections_) open_connections_->set(static_cast<double>(connections_.size()));
  connection->start();
}

void HttpServerCore::report_tls(const std::string& peer) {
  if (const auto left_out = tls_reports_.take())
    log::warn("http", "{} speaks TLS to {}, which does not; https has a port of its own{}", peer,
              plain_gate_->endpoint(),
              *left_out == 0 ? "" : fmt::format(" (and {} before it that are not shown)", *left_out));
}

void HttpServerCore::remove(const std::shared_ptr<HttpConnection>& connection) {
  connections_.erase(connection);
  if (open_connections_) open_connections_->set(static_cast<double>(connections_.size()));
  tell_if_answered();
}

/// One timer for the time-outs of all connections: setting one costs nothing, being late costs a quarter of a
/// second.
void HttpServerCore::sweep() {
  const auto now = std::chrono::steady_clock::now();
  const std::vector<std::shared_ptr<HttpConnection>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->check_deadline(now);
  const auto shortest =
      std::min({options.header_timeout, options.body_timeout, options.idle_timeout, options.write_timeout});
  sweep_timer_->set_after(std::clamp(shortest / 4, std::chrono::milliseconds(5), kSweepMax),
                          [this] { sweep(); });
}

void HttpServerCore::count(const Route* route, int status, std::chrono::duration<double> took) {
  if (options.metrics == nullptr) return;
  const base::Labels labels = {{"method", route ? route->method : "none"},
                               {"route", route ? route->pattern : "none"}};
  RouteMetrics& of_route = metrics_[route];
  if (!of_route.seconds)
    of_route.seconds = options.metrics->histogram(
        "geminga_http_request_seconds", "From the first byte of a request to the last of its answer.",
        base::latency_buckets(), labels);
  of_route.seconds->observe(took.count());
  auto counter = of_route.requests.find(status);
  if (counter == of_route.requests.end()) {
    base::Labels with_status = labels;
    with_status["status"] = std::to_string(status);
    counter = of_route.requests
                  .emplace(status, options.metrics->counter("geminga_http_requests_total",
                                                            "Answered requests.", with_status))
                  .first;
  }
  counter->second.add();
}

// --- stopping ---------------------------------------------------------------------------------------------

void HttpServerCore::begin_stop(std::promise<void>* all_answered) {
  stopping = true;
  all_answered_ = all_answered;
  for (Gate* gate : {plain_gate_.get(), secure_gate_.get()})
    if (gate != nullptr) gate->close();
  const std::vector<std::shared_ptr<HttpConnection>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->begin_stop();
  tell_if_answered();
}

void HttpServerCore::tell_if_answered() {
  if (all_answered_ == nullptr || !connections_.empty()) return;
  std::exchange(all_answered_, nullptr)->set_value();
}

void HttpServerCore::close_all() {
  all_answered_ = nullptr;
  const std::vector<std::shared_ptr<HttpConnection>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->close();
  sweep_timer_.reset();
}

void HttpServerCore::stop(std::chrono::milliseconds deadline) {
  if (std::exchange(stopped_, true)) return;
  std::promise<void> all_answered;
  auto answered = all_answered.get_future();
  loop->run([&] { begin_stop(&all_answered); });
  answered.wait_for(deadline);
  loop->run([this] { close_all(); });
  loop->stop();
}

// --- the handle -------------------------------------------------------------------------------------------

Result<std::unique_ptr<HttpServer>> HttpServer::listen(HttpServerOptions options, Router router) {
  auto core = std::make_shared<HttpServerCore>(std::move(options), std::move(router));
  if (Result<> opened = core->open(); !opened) {
    core->loop->stop();
    return std::unexpected(std::move(opened).error());
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(core)));
}

HttpServer::HttpServer(std::shared_ptr<HttpServerCore> core) : core_(std::move(core)) {}

HttpServer::~HttpServer() {
  stop(std::chrono::seconds(1));
}

std::uint16_t HttpServer::port() const {
  const Gate* const gate = core_->gate(false);
  return gate == nullptr ? 0 : gate->port();
}

const std::string& HttpServer::endpoint() const {
  static const std::string none;
  const Gate* const gate = core_->gate(false);
  return gate == nullptr ? none : gate->endpoint();
}

const std::string& HttpServer::tls_endpoint() const {
  static const std::string none;
  const Gate* const gate = core_->gate(true);
  return gate == nullptr ? none : gate->endpoint();
}

const Router& HttpServer::router() const {
  return core_->router;
}

void HttpServer::stop(std::chrono::milliseconds deadline) {
  core_->stop(deadline);
}

}  // namespace geminga::net
