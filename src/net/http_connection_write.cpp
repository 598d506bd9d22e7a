#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "base/assert.hpp"
#include "net/http_connection.hpp"
#include "net/http_wire.hpp"

namespace geminga::net {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kDrainTime{2};
constexpr std::size_t kDrainBytesMax = 64 << 20;
constexpr std::size_t kWriteBytes = 64 << 10;  // one step of a long write: progress is seen between steps

}  // namespace

void HttpConnection::extend_write_deadline() {
  deadline_ = std::chrono::steady_clock::now() + core_.options.write_timeout;
}

// --- a whole answer ---------------------------------------------------------------------------------------

void HttpConnection::answer(const HttpExchange& exchange, HttpResponse response) {
  if (is_current(exchange) && state_ == State::handling) write_response(std::move(response));
}

void HttpConnection::write_response(HttpResponse response) {
  state_ = State::writing;
  admission_ = {};  // before the client can see the answer and send the next request elsewhere
  status_ = response.status;
  keep_alive_ = keep_alive_ && !core_.stopping;
  head_bytes_ = render_head(response, {.keep_alive = keep_alive_});
  const bool with_body = !head_only_ && status_has_body(response.status);
  body_bytes_ = with_body ? std::move(response.body) : std::string();
  extend_write_deadline();
  const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head_bytes_), asio::buffer(body_bytes_)};
  asio::async_write(
      stream_, buffers,
      [self = shared_from_this()](const ErrorCodeAsio& error, std::size_t) -> std::size_t {
        self->extend_write_deadline();
        return error ? 0 : kWriteBytes;
      },
      [self = shared_from_this()](const ErrorCodeAsio& error, std::size_t) {
        if (self->state_ == State::writing) self->on_response_written(error);
      });
}

void HttpConnection::on_response_written(const ErrorCodeAsio& error) {
  body_bytes_ = std::string();
  if (error) return close();
  finish_exchange();
}

void HttpConnection::finish_exchange() {
  core_.count(route_, status_, std::chrono::steady_clock::now() - started_);
  if (const auto exchange = std::move(exchange_)) exchange->finished();
  parser_.reset();
  admission_ = {};
  if (!keep_alive_) return begin_drain();
  wait_for_request();
}

// --- a stream ---------------------------------------------------------------------------------------------

void HttpConnection::begin_stream(const HttpExchange& exchange, HttpResponse head) {
  if (!is_current(exchange) || state_ != State::handling) return;
  status_ = head.status;
  keep_alive_ = keep_alive_ && !http_1_0_ && !core_.stopping;
  head_bytes_ = render_head(head, {.framing = http_1_0_ ? BodyFraming::until_close : BodyFraming::chunked,
                                   .keep_alive = keep_alive_});
  state_ = State::streaming;
  stream_ended_ = false;
  chunks_.clear();
  write_chunks();
  if (half_closed_) return close();
  watch();
  if (!head_only_ && !core_.stopping) return;
  exchange_->client_gone();  // nothing more can be sent to this one
  stream_ended_ = true;
}

void HttpConnection::send_chunk(const HttpExchange& exchange, std::string chunk) {
  if (!is_current(exchange) || state_ != State::streaming || stream_ended_) return;
  chunks_.push_back(std::move(chunk));
  if (!write_pending_) write_chunks();
}

void HttpConnection::end_stream(const HttpExchange& exchange) {
  if (!is_current(exchange) || state_ != State::streaming || stream_ended_) return;
  stream_ended_ = true;
  if (!write_pending_) write_chunks();
}

void HttpConnection::cut_stream(const HttpExchange& exchange) {
  if (is_current(exchange)) close();
}

/// Everything that waits goes out in one write; a call with nothing to write ends the exchange.
void HttpConnection::write_chunks() {
  GEMINGA_ASSERT(!write_pending_);
  std::size_t payload_bytes = 0;
  writing_chunks_.clear();
  if (!head_bytes_.empty()) writing_chunks_.push_back(std::exchange(head_bytes_, {}));
  const bool framed = !http_1_0_;
  for (std::string& chunk : chunks_) {
    payload_bytes += chunk.size();
    if (framed) writing_chunks_.push_back(render_chunk_head(chunk.size()));
    writing_chunks_.push_back(std::move(chunk));
    if (framed) writing_chunks_.emplace_back("\r\n");
  }
  chunks_.clear();
  const bool last = stream_ended_;
  if (last && framed && !head_only_) writing_chunks_.emplace_back("0\r\n\r\n");
  std::vector<asio::const_buffer> buffers;
  buffers.reserve(writing_chunks_.size());
  for (const std::string& piece : writing_chunks_) buffers.push_back(asio::buffer(piece));
  write_pending_ = true;
  extend_write_deadline();
  asio::async_write(
      stream_, buffers,
      [self = shared_from_this()](const ErrorCodeAsio& error, std::size_t) -> std::size_t {
        self->extend_write_deadline();
        return error ? 0 : kWriteBytes;
      },
      [self = shared_from_this(), payload_bytes, last](const ErrorCodeAsio& error, std::size_t) {
        self->write_pending_ = false;
        if (self->state_ != State::streaming) return;
        self->exchange_->chunk_written(payload_bytes);
        if (error) return self->close();
        if (last) return self->finish_exchange();
        self->on_chunks_written();
      });
}

void HttpConnection::on_chunks_written() {
  if (!chunks_.empty() || stream_ended_) return write_chunks();
  deadline_ = base::MonotonicTime::max();  // a quiet stream may stay as long as it likes
}

// --- the end ----------------------------------------------------------------------------------------------

void HttpConnection::begin_drain() {
  if (core_.stopping) return close();
  state_ = State::draining;
  deadline_ = std::chrono::steady_clock::now() + kDrainTime;
  stream_.shutdown_send();
  drain();
}

void HttpConnection::drain() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(16 << 10),
                          [self = shared_from_this()](const ErrorCodeAsio& error, std::size_t bytes) {
                            if (self->state_ != State::draining) return;
                            self->drained_bytes_ += bytes;
                            if (error || self->drained_bytes_ > kDrainBytesMax) return self->close();
                            self->drain();
                          });
}

}  // namespace geminga::net
