#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/error.hpp>

#include "base/clock.hpp"
#include "net/http_message.hpp"
#include "net/http_router.hpp"

namespace geminga::base {
class Metrics;
}

namespace geminga::net {

class HttpExchange;
class HttpServerCore;
class TlsContext;

/// Looks at the head of a request (its body is not read yet) and may refuse it. `route` is nullptr where
/// there is none. Runs on the server's loop, for every request, before anything else.
using HttpGuard = std::function<std::optional<HttpResponse>(const HttpRequest& head, const Route* route)>;

/// Whom a request was let in for.
struct HttpAdmission {
  auth::PrincipalPtr principal;  ///< nullptr: the route is open to all
  /// A stream of events ends then: it must not outlive what it was opened with.
  base::MonotonicTime until = base::MonotonicTime::max();
  std::shared_ptr<void> place;  ///< held until the answer goes out, or the stream or the client is gone
};

/// Says from its head who sends a request, and whether that one may use `route` (nullptr: there is none).
/// Runs on the server's loop after the guards, for every request. Errors: unauthorized, forbidden,
/// overloaded.
using HttpAuthorizer = std::function<Result<HttpAdmission>(const HttpRequest& head, const Route* route)>;

struct HttpServerOptions {
  std::string address = "127.0.0.1";  ///< an IP address or a name that resolves to one; empty: only HTTPS
  std::uint16_t port = 0;             ///< 0: a free one, see HttpServer::port()
  std::shared_ptr<TlsContext> tls;    ///< HTTPS, on the same loop
  std::string tls_address = "127.0.0.1";
  std::uint16_t tls_port = 0;
  std::chrono::milliseconds handshake_timeout{10'000};
  std::size_t handshakes_max = 256;  ///< at once; who comes meanwhile waits
  std::string thread_name = "http";
  std::size_t header_bytes_max = 16 << 10;  ///< 431 above; request line included
  /// 413 above. A message body of 5 MiB fits also as base64 in JSON.
  std::uint64_t body_bytes_max = 8ULL << 20;
  std::size_t connections_max = 10'000;  ///< 503 above
  std::size_t stream_bytes_max =
      1 << 20;  ///< unsent bytes of one event stream (or one event); a client that is slower is cut
  std::chrono::milliseconds header_timeout{10'000};  ///< from the first byte (or the accept) to the last one
  std::chrono::milliseconds body_timeout{30'000};    ///< from the head to the last byte; 408
  std::chrono::milliseconds idle_timeout{75'000};    ///< a kept-alive connection without a request
  std::chrono::milliseconds write_timeout{30'000};   ///< without progress
  std::vector<HttpGuard> guards;
  HttpAuthorizer authorizer;         ///< none: everybody who passes the guards may do everything
  base::Metrics* metrics = nullptr;  ///< geminga_http_...; must outlive the server
};

/// A running answer of unknown length (server-sent events). Any thread; dropping it closes it.
class EventStream {
 public:
  explicit EventStream(std::shared_ptr<HttpExchange> exchange);
  EventStream(EventStream&&) noexcept;
  EventStream& operator=(EventStream&&) noexcept;
  ~EventStream();

  /// Never blocks. False when the client is gone (also: was too slow); then every later call does nothing.
  bool send(std::string chunk);
  [[nodiscard]] bool open() const;
  void close();

 private:
  std::shared_ptr<HttpExchange> exchange_;
};

/// The duty to answer one request, exactly once, from any thread. Dropped unanswered it answers 500. Answers
/// to a client that is gone are dropped.
class Responder {
 public:
  explicit Responder(std::shared_ptr<HttpExchange> exchange);
  Responder(Responder&&) noexcept;
  Responder& operator=(Responder&&) noexcept;
  ~Responder();

  void respond(HttpResponse response);
  /// JSON errors of json_errors.hpp.
  void respond(const Error& error, std::string_view request_id = {});
  /// Sends status and headers at once. Default Content-Type: text/event-stream.
  EventStream start_stream(HttpResponse head = {});
  /// `callback` runs once, on the server's loop, when the client goes away before the answer (or the stream)
  /// is complete, and when the server stops under an open stream. It must not block. May be set once, before
  /// answering.
  void on_client_gone(std::move_only_function<void()> callback);
  /// True once answered, also by start_stream.
  [[nodiscard]] bool answered() const;

 private:
  std::shared_ptr<HttpExchange> exchange_;
};

/// HTTP/1.1 (RFC 9110, 9112) with keep-alive and pipelining on one thread of its own.
class HttpServer {
 public:
  /// Errors: config_error (address that does not parse or resolve), conflict (address in use; says by whom
  /// where that can be seen), forbidden (privileged port), io_error.
  static Result<std::unique_ptr<HttpServer>> listen(HttpServerOptions options, Router router);
  /// stop() with one second.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// 0: HTTPS only.
  [[nodiscard]] std::uint16_t port() const;
  /// "127.0.0.1:8080", "[::1]:8080"; empty: HTTPS only.
  [[nodiscard]] const std::string& endpoint() const;
  /// Of HTTPS; empty: there is none.
  [[nodiscard]] const std::string& tls_endpoint() const;
  [[nodiscard]] const Router& router() const;
  /// Accepts nothing new, ends streams, lets requests in progress be answered until `deadline`, then closes
  /// all. Idempotent; any thread but the server's own. Responders that live longer do nothing.
  void stop(std::chrono::milliseconds deadline);

 private:
  explicit HttpServer(std::shared_ptr<HttpServerCore> core);
  std::shared_ptr<HttpServerCore> core_;
};

/// One server-sent event (WHATWG HTML section 9.2): `data` is split at line ends; empty `event` and `id` are
/// left out.
std::string format_event(std::string_view data, std::string_view event = {}, std::string_view id = {});

}  // namespace geminga::net
