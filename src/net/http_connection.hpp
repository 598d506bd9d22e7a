#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/clock.hpp"
#include "net/http_exchange.hpp"
#include "net/http_server_core.hpp"
#include "net/stream.hpp"

namespace geminga::net {

/// One accepted socket, on the loop's thread only. States and what ends them:
///   idle     nothing of the next request is here     a byte -> head, idle_timeout -> closed
///   head     reading request line and fields          complete -> body or handling, header_timeout -> 408
///   body     reading the body                         complete -> handling, body_timeout -> 408
///   handling a handler has the request                answer -> writing, stream -> streaming
///   writing  the answer is on its way                 done -> idle, head (pipelined) or draining
///   streaming chunks are sent as they come            end -> as writing; the client's end -> closed
///   draining half closed, reads away what comes, so that no reset overtakes the answer    2 s -> closed
/// Requests of one connection are handled one after the other, which makes pipelining safe.
class HttpConnection final : public ExchangeOwner, public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(HttpServerCore& core, Stream stream);

  void start();
  /// Called every now and then; acts when a time-out has passed.
  void check_deadline(base::MonotonicTime now);
  /// The server stops: nothing new is read.
  void begin_stop();
  /// At once, whatever the state. Idempotent.
  void close();
  /// A request or its answer is in progress.
  [[nodiscard]] bool busy() const;

  void answer(const HttpExchange& exchange, HttpResponse response) override;
  void begin_stream(const HttpExchange& exchange, HttpResponse head) override;
  void send_chunk(const HttpExchange& exchange, std::string chunk) override;
  void end_stream(const HttpExchange& exchange) override;
  void cut_stream(const HttpExchange& exchange) override;

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using ErrorCodeAsio = boost::system::error_code;
  enum class State { idle, head, body, handling, writing, streaming, draining, closed };

  // http_connection.cpp: reading
  void wait_for_request();
  void watch();
  void on_readable(const ErrorCodeAsio& error);
  void look_for_end();
  void read_head();
  void on_head(const ErrorCodeAsio& error);
  std::optional<HttpResponse> examine_head();
  void send_continue();
  void read_body();
  void on_body(const ErrorCodeAsio& error);
  void dispatch();
  void refuse(HttpResponse response);
  void refuse_unreadable(const ErrorCodeAsio& error);
  [[nodiscard]] bool speaks_tls() const;

  // http_connection_write.cpp: answering
  void write_response(HttpResponse response);
  void on_response_written(const ErrorCodeAsio& error);
  void write_chunks();
  void on_chunks_written();
  void finish_exchange();
  void begin_drain();
  void drain();
  void extend_write_deadline();
  /// Ends the stream and tells its handler.
  void leave_stream();
  [[nodiscard]] bool is_current(const HttpExchange& exchange) const { return exchange_.get() == &exchange; }

  HttpServerCore& core_;  // outlives the connection's handlers, not the connection: see close()
  Stream stream_;
  std::string peer_;
  std::optional<std::string> certificate_name_;  // see HttpRequest
  State state_ = State::idle;
  base::MonotonicTime deadline_ = base::MonotonicTime::max();
  bool watching_ = false;     // a wait for readability is pending
  bool half_closed_ = false;  // the client sends no more
  boost::beast::flat_buffer buffer_;

  // the current exchange
  std::shared_ptr<Parser> parser_;  // also held by the read in progress: it may end after a close
  HttpRequest request_;
  HttpAdmission admission_;
  const Route* route_ = nullptr;
  std::shared_ptr<HttpExchange> exchange_;
  base::MonotonicTime started_;
  bool keep_alive_ = true;
  bool head_only_ = false;
  bool http_1_0_ = false;
  int status_ = 0;

  // being written
  std::string head_bytes_;
  std::string body_bytes_;
  std::deque<std::string> chunks_;           // not yet in a write
  std::vector<std::string> writing_chunks_;  // with their frames
  bool write_pending_ = false;
  bool stream_ended_ = false;
  std::size_t drained_bytes_ = 0;
};

}  // namespace geminga::net
