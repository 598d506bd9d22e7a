#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>

#include <geminga/error.hpp>

#include "base/clock.hpp"
#include "base/event_loop.hpp"
#include "base/log_limit.hpp"
#include "net/stream.hpp"
#include "net/tls_context.hpp"

namespace geminga::net {

struct GateOptions {
  std::string component;            ///< of its log lines
  std::shared_ptr<TlsContext> tls;  ///< none: without TLS
  std::chrono::milliseconds handshake_timeout{10'000};
  std::size_t handshakes_max = 256;  ///< at once; who comes meanwhile waits in the kernel's queue
};

/// A listening socket: accepts, shakes hands where it has TLS, and gives away what is connected then. Its
/// members on the loop's thread, but for open(), which comes first, and what is const from then on. It lives
/// until the loop has stopped.
class Gate {
 public:
  using OnStream = std::function<void(Stream stream)>;
  Gate(base::EventLoop& loop, GateOptions options, OnStream on_stream);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  /// Errors: those of open_listener().
  Result<> open(const std::string& address, std::uint16_t port);
  void start();
  /// Takes no more, and ends those that shake hands.
  void close();

  [[nodiscard]] bool secure() const { return options_.tls != nullptr; }
  [[nodiscard]] std::uint16_t port() const { return bound_.port(); }
  /// "127.0.0.1:8080", "[::1]:8080"
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

 private:
  struct Handshake;
  using HandshakePtr = std::shared_ptr<Handshake>;
  void accept();
  void on_accept(const boost::system::error_code& error, boost::asio::ip::tcp::socket socket);
  void begin(boost::asio::ip::tcp::socket socket);
  void go_on(const HandshakePtr& handshake);
  void wait(const HandshakePtr& handshake, boost::asio::ip::tcp::socket::wait_type what);
  void finish(const HandshakePtr& handshake);
  void refuse(const HandshakePtr& handshake, const std::string& why);
  void forget(const HandshakePtr& handshake);
  void sweep();

  base::EventLoop& loop_;
  const GateOptions options_;
  const OnStream on_stream_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::ip::tcp::endpoint bound_;
  std::string endpoint_;
  std::list<HandshakePtr> handshakes_;  ///< the oldest first
  bool accepting_ = false;
  bool closed_ = false;
  base::LogLimit refusals_;
  std::unique_ptr<base::Timer> accept_again_;
  std::unique_ptr<base::Timer> sweep_;
};

}  // namespace geminga::net
