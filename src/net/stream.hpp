#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include "net/tls_session.hpp"

namespace geminga::net {

/// The seam between a protocol and TLS: a connected socket that does not block, with TLS on it or without. It
/// has what Asio and Beast want of a stream. Without TLS every call is the socket's own. On the thread of its
/// loop only; whoever waits keeps it alive.
class Stream {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using executor_type = Socket::executor_type;
  using error_code = boost::system::error_code;

  explicit Stream(Socket socket) : socket_(std::move(socket)) {}
  /// After its handshake.
  Stream(Socket socket, std::unique_ptr<TlsSession> tls) : socket_(std::move(socket)), tls_(std::move(tls)) {}

  executor_type get_executor() { return socket_.get_executor(); }
  /// For its addresses and options.
  [[nodiscard]] Socket& socket() { return socket_; }
  /// nullptr: without TLS.
  [[nodiscard]] const TlsSession* tls() const { return tls_.get(); }

  /// `handler(error)` when something can be read, or the other side has ended.
  template <class Handler>
  void async_wait_readable(Handler handler) {
    if (tls_ && tls_->has_read())
      return boost::asio::post(get_executor(),
                               [handler = std::move(handler)]() mutable { handler(error_code{}); });
    socket_.async_wait(Socket::wait_read, std::move(handler));
  }

  std::size_t read_some(boost::asio::mutable_buffer into, error_code& error) {
    if (!tls_) return socket_.read_some(boost::asio::buffer(into), error);
    return tls_->read({static_cast<char*>(into.data()), into.size()}, error);
  }
  std::size_t write_some(boost::asio::const_buffer from, error_code& error) {
    return tls_ ? tls_->write({&from, 1}, error) : socket_.write_some(boost::asio::buffer(from), error);
  }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& into, Token&& token) {
    return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(
        [](auto handler, Stream* stream, const Buffers& buffers) {
          if (!stream->tls_) return stream->socket_.async_read_some(buffers, std::move(handler));
          const auto read = [stream, first = first_of(buffers)](error_code& error) {
            return stream->read_some(first, error);
          };
          stream->step(read, Socket::wait_read, std::move(handler));
        },
        token, this, into);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& from, Token&& token) {
    return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(
        [](auto handler, Stream* stream, const Buffers& buffers) {
          if (!stream->tls_) return stream->socket_.async_write_some(buffers, std::move(handler));
          std::vector<boost::asio::const_buffer> pieces(boost::asio::buffer_sequence_begin(buffers),
                                                        boost::asio::buffer_sequence_end(buffers));
          const auto write = [stream, pieces = std::move(pieces)](error_code& error) {
            return stream->tls_->write(pieces, error);
          };
          stream->step(write, Socket::wait_write, std::move(handler));
        },
        token, this, from);
  }

  /// Nothing more is sent from here.
  void shutdown_send() {
    error_code ignored;  // the other side may have gone already
    if (tls_) tls_->shut();
    socket_.shutdown(Socket::shutdown_send, ignored);
  }
  void cancel() {
    error_code ignored;
    socket_.cancel(ignored);
  }
  /// Idempotent; what waits ends.
  void close() {
    error_code ignored;  // nothing can be done about a socket that does not close
    if (tls_ && socket_.is_open()) tls_->shut();
    socket_.close(ignored);
  }

 private:
  /// The first that is not empty. Reading into one is enough: it has "some".
  template <class Buffers>
  static boost::asio::mutable_buffer first_of(const Buffers& buffers) {
    for (auto at = boost::asio::buffer_sequence_begin(buffers);
         at != boost::asio::buffer_sequence_end(buffers); ++at)
      if (const boost::asio::mutable_buffer one(*at); one.size() > 0) return one;
    return {};
  }

  /// Tries until it does not have to wait; the handler is never called from inside of the call.
  template <class Try>
  struct Step {
    Stream* stream;
    Try attempt;
    Socket::wait_type wait;
    bool waited = false;

    template <class Self>
    void operator()(Self& self, error_code error = {}) {
      std::size_t bytes = 0;
      if (!error && !stream->socket_.is_open()) error = boost::asio::error::operation_aborted;
      if (!error) bytes = attempt(error);
      if (error == boost::asio::error::would_block) {
        waited = true;
        return stream->socket_.async_wait(wait, std::move(self));
      }
      if (waited) return self.complete(error, bytes);
      boost::asio::post(stream->get_executor(),
                        [self = std::move(self), error, bytes]() mutable { self.complete(error, bytes); });
    }
  };
  template <class Try, class Handler>
  void step(Try attempt, Socket::wait_type wait, Handler handler) {
    boost::asio::async_compose<Handler, void(error_code, std::size_t)>(
        Step<Try>{.stream = this, .attempt = std::move(attempt), .wait = wait}, handler, socket_);
  }

  Socket socket_;
  std::unique_ptr<TlsSession> tls_;
};

}  // namespace geminga::net
