#pragma once

#include <future>
#include <map>
#include <memory>
#include <set>
#include <unordered_set>

#include "base/event_loop.hpp"
#include "base/log_limit.hpp"
#include "base/metrics.hpp"
#include "net/gate.hpp"
#include "net/http_server.hpp"

namespace geminga::net {

class HttpConnection;

/// What the connections of one server share. Members are touched on the loop's thread once it listens.
class HttpServerCore {
 public:
  HttpServerCore(HttpServerOptions options, Router router);
  ~HttpServerCore();

  Result<> open();  ///< before the loop knows of it; see HttpServer::listen for the errors
  void stop(std::chrono::milliseconds deadline);  ///< any thread but the loop's

  void remove(const std::shared_ptr<HttpConnection>& connection);
  /// For the metrics; `route` may be nullptr.
  void count(const Route* route, int status, std::chrono::duration<double> took);

  const HttpServerOptions options;
  const Router router;
  const std::shared_ptr<base::EventLoop> loop;
  bool stopping = false;
  /// A client began a handshake on the port without TLS.
  void report_tls(const std::string& peer);
  /// nullptr: there is none. Const once it listens.
  [[nodiscard]] const Gate* gate(bool secure) const { return (secure ? secure_gate_ : plain_gate_).get(); }

 private:
  Result<> open_gate(std::unique_ptr<Gate>& gate, const std::string& address, std::uint16_t port,
                     std::shared_ptr<TlsContext> tls);
  void on_stream(Stream stream);
  void sweep();
  void begin_stop(std::promise<void>* all_answered);
  void tell_if_answered();
  void close_all();

  struct RouteMetrics {
    std::map<int, base::Counter> requests;
    std::optional<base::Histogram> seconds;
  };
  std::unique_ptr<Gate> plain_gate_;
  std::unique_ptr<Gate> secure_gate_;
  base::LogLimit tls_reports_;
  std::unordered_set<std::shared_ptr<HttpConnection>> connections_;
  std::unique_ptr<base::Timer> sweep_timer_;
  std::promise<void>* all_answered_ = nullptr;
  std::map<const Route*, RouteMetrics> metrics_;
  std::optional<base::Gauge> open_connections_;
  bool stopped_ = false;  // any thread, by the one that stops
};

}  // namespace geminga::net
