#include "net/http_connection.hpp"

#include <exception>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <fmt/core.h>

#include "base/log.hpp"
#include "net/http_path.hpp"
#include "net/json_errors.hpp"
#include "net/listener.hpp"

namespace geminga::net {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::size_t kPipelinedBytesMax = 64 << 10;  // read ahead while a handler works

base::MonotonicTime now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

HttpConnection::HttpConnection(HttpServerCore& core, Stream stream)
    : core_(core),
      stream_(std::move(stream)),
      // A chunk's own head counts against no limit of the parser; this bounds it.
      buffer_(core.options.header_bytes_max + 2 * kPipelinedBytesMax) {}

void HttpConnection::start() {
  boost::system::error_code error;
  const auto peer = stream_.socket().remote_endpoint(error);
  if (error) return close();  // gone before we came to it
  peer_ = text_of(peer);
  if (stream_.tls() != nullptr) certificate_name_ = stream_.tls()->common_name();
  deadline_ = now() + core_.options.header_timeout;
  watch();
}

bool HttpConnection::busy() const {
  return state_ == State::body || state_ == State::handling || state_ == State::writing ||
         state_ == State::streaming;
}

void HttpConnection::check_deadline(base::MonotonicTime time) {
  if (state_ == State::streaming && !stream_ended_ && time >= admission_.until) leave_stream();
  if (time < deadline_) return;
  deadline_ = base::MonotonicTime::max();
  if (state_ == State::head || state_ == State::body) {
    stream_.cancel();  // the read in progress
    keep_alive_ = false;
    return refuse(error_response(408, "timeout", "the request did not arrive in time"));
  }
  if (state_ != State::handling) close();
}

void HttpConnection::begin_stop() {
  keep_alive_ = false;
  if (state_ == State::idle || state_ == State::head || state_ == State::draining) return close();
  if (state_ == State::streaming) leave_stream();
}

void HttpConnection::leave_stream() {
  const auto exchange = exchange_;  // its callback may drop the last handle
  exchange->client_gone();
  end_stream(*exchange);
}

void HttpConnection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  stream_.close();
  parser_.reset();
  admission_ = {};
  if (const auto exchange = std::move(exchange_)) exchange->client_gone();
  core_.remove(shared_from_this());
}

// --- waiting ----------------------------------------------------------------------------------------------

void HttpConnection::wait_for_request() {
  if (core_.stopping) return close();
  if (buffer_.size() > 0) return read_head();
  if (half_closed_) return close();
  buffer_.clear();
  buffer_.shrink_to_fit();  // an idle connection holds no memory
  state_ = State::idle;
  deadline_ = now() + core_.options.idle_timeout;
  watch();
}

/// One wait for readability serves both purposes: the next request of an idle connection, and the end of a
/// client whose answer is not complete.
void HttpConnection::watch() {
  if (watching_) return;
  watching_ = true;
  stream_.async_wait_readable([self = shared_from_this()](const ErrorCodeAsio& error) {
    self->watching_ = false;
    self->on_readable(error);
  });
}

void HttpConnection::on_readable(const ErrorCodeAsio& error) {
  if (state_ == State::closed || error == asio::error::operation_aborted) return;
  if (error) return close();
  if (state_ == State::idle) return read_head();
  if (state_ == State::handling || state_ == State::streaming) look_for_end();
}

void HttpConnection::look_for_end() {
  ErrorCodeAsio error;
  const std::size_t bytes = stream_.read_some(buffer_.prepare(4096), error);
  buffer_.commit(bytes);
  if (error == asio::error::would_block) return watch();
  if (error == asio::error::eof) {
    // A client may shut its sending side and still read: the answer is tried; a stream ends here.
    half_closed_ = true;
    keep_alive_ = false;
    if (state_ == State::streaming) return close();
    const auto exchange = exchange_;
    return exchange->client_gone();
  }
  if (error) return close();
  if (buffer_.size() < kPipelinedBytesMax) watch();
}

// --- head -------------------------------------------------------------------------------------------------

void HttpConnection::read_head() {
  state_ = State::head;
  started_ = now();
  deadline_ = started_ + core_.options.header_timeout;
  keep_alive_ = false;
  head_only_ = false;
  http_1_0_ = false;
  route_ = nullptr;
  parser_ = std::make_shared<Parser>();
  parser_->header_limit(static_cast<std::uint32_t>(core_.options.header_bytes_max));
  parser_->body_limit(core_.options.body_bytes_max);
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this(), parser = parser_](const ErrorCodeAsio& error, std::size_t) {
        if (self->state_ == State::head) self->on_head(error);
      });
}

void HttpConnection::on_head(const ErrorCodeAsio& error) {
  if (error) return refuse_unreadable(error);
  if (std::optional<HttpResponse> refusal = examine_head()) return refuse(*std::move(refusal));
  state_ = State::body;
  deadline_ = now() + core_.options.body_timeout;
  if (parser_->is_done()) return dispatch();
  if (request_.headers.has("Expect")) return send_continue();
  read_body();
}

/// Fills request_ and route_ from the head; what is wrong with it, if anything.
std::optional<HttpResponse> HttpConnection::examine_head() {
  const auto& message = parser_->get();
  keep_alive_ = message.keep_alive() && !core_.stopping && !half_closed_;
  http_1_0_ = message.version() == 10;
  request_ = HttpRequest{.method = std::string(message.method_string()),
                         .target = std::string(message.target()),
                         .peer = peer_,
                         .certificate_name = certificate_name_};
  head_only_ = request_.method == "HEAD";
  for (const auto& field : message)
    request_.headers.add(std::string(field.name_string()), std::string(field.value()));

  if (request_.headers.count("Host") > 1 || (!http_1_0_ && !request_.headers.has("Host")))
    return error_response(400, "invalid_argument", "a request needs exactly one Host header");
  Result<HttpTarget> target = parse_target(request_.target);
  if (!target) return error_response(target.error());
  request_.segments = std::move(target->segments);
  request_.query = std::move(target->query);

  RouteMatch match = core_.router.match(request_.method, request_.segments);
  route_ = match.route;
  request_.params = std::move(match.params);
  for (const HttpGuard& guard : core_.options.guards)
    if (std::optional<HttpResponse> refusal = guard(request_, route_)) return refusal;
  if (core_.options.authorizer) {
    auto admitted = core_.options.authorizer(request_, route_);
    if (!admitted) return error_response(admitted.error());
    admission_ = *std::move(admitted);
    request_.principal = admission_.principal;
  }
  if (route_ == nullptr && !match.allow.empty()) {
    HttpResponse response = error_response(
        405, "method_not_allowed",
        fmt::format("{} {} is not offered; allowed: {}", request_.method, request_.path(), match.allow));
    response.headers.add("Allow", match.allow);
    return response;
  }
  if (route_ == nullptr)
    return error_response(404, "not_found", fmt::format("there is nothing at {}", request_.path()));
  const std::string_view expect = request_.header("Expect");
  if (!expect.empty() && !equal_ignoring_case(expect, "100-continue"))
    return error_response(417, "invalid_argument", "only 'Expect: 100-continue' can be met");
  return std::nullopt;
}

// --- body -------------------------------------------------------------------------------------------------

void HttpConnection::send_continue() {
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(stream_, asio::buffer(kContinue),
                    [self = shared_from_this()](const ErrorCodeAsio& error, std::size_t) {
                      if (self->state_ != State::body) return;
                      if (error) return self->close();
                      self->read_body();
                    });
}

void HttpConnection::read_body() {
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this(), parser = parser_](const ErrorCodeAsio& error, std::size_t) {
                     if (self->state_ == State::body) self->on_body(error);
                   });
}

void HttpConnection::on_body(const ErrorCodeAsio& error) {
  if (error) return refuse_unreadable(error);
  dispatch();
}

void HttpConnection::dispatch() {
  request_.body = std::move(parser_->get().body());
  parser_.reset();
  state_ = State::handling;
  deadline_ = base::MonotonicTime::max();
  exchange_ = std::make_shared<HttpExchange>(core_.loop, weak_from_this(), core_.options.stream_bytes_max);
  const auto exchange = exchange_;
  try {
    route_->handler(std::move(request_), Responder(exchange));
  } catch (const std::exception& thrown) {
    // The Responder went down with the handler and answered 500.
    log::error("http", "{} {}: the handler threw: {}", route_->method, route_->pattern, thrown.what());
  }
  if (is_current(*exchange) && state_ == State::handling) watch();
}

// --- refusing ---------------------------------------------------------------------------------------------

/// An answer that ends the connection: what follows of the request is not read as a request.
void HttpConnection::refuse(HttpResponse response) {
  keep_alive_ = keep_alive_ && parser_ && parser_->is_done();
  state_ = State::handling;
  write_response(std::move(response));
}

/// What came first is no request but the beginning of a handshake.
bool HttpConnection::speaks_tls() const {
  const auto first = buffer_.data();
  return stream_.tls() == nullptr && first.size() > 0 &&
         *static_cast<const char*>(first.data()) == kTlsFirstByte;
}

void HttpConnection::refuse_unreadable(const ErrorCodeAsio& error) {
  keep_alive_ = false;
  if (speaks_tls()) {
    core_.report_tls(peer_);
    return close();
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return refuse(error_response(
        431, "too_large",
        fmt::format("the head of the request is over {} bytes", core_.options.header_bytes_max)));
  if (error == http::error::body_limit)
    return refuse(error_response(413, "too_large",
                                 fmt::format("the body is over {} bytes", core_.options.body_bytes_max)));
  if (error == http::error::end_of_stream || error == http::error::partial_message ||
      error.category() != http::make_error_code(http::error::bad_method).category())
    return close();  // the client left, or the socket failed: nobody to answer
  refuse(error_response(400, "parse_error", fmt::format("not an HTTP request: {}", error.message())));
}

}  // namespace geminga::net
