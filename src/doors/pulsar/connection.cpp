#include "doors/pulsar/connection.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "base/log.hpp"
#include "net/listener.hpp"

namespace geminga::doors::pulsar {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::size_t kReadPerTurn = 256 << 10;  // then others have their turn
constexpr std::size_t kPiecesPerWrite = 64;      // what the system takes at once
constexpr std::size_t kSmallBytes = 4 << 10;     // cheaper moved than held
constexpr std::uint64_t kFreeBytes = 16 << 10;   // who holds less is read though others have used up the room
constexpr std::chrono::seconds kRest{1};         // of silence, after which memory is given back

}  // namespace

Connection::Connection(Host& host, net::Stream stream, Closed closed)
    : host_(host),
      stream_(std::move(stream)),
      closed_(std::move(closed)),
      buffer_(host.options.first_frame_bytes_max),
      outbox_([this] { turn_soon(); }),
      accepted_(now()),
      received_(accepted_),
      wrote_(accepted_) {}

void Connection::start() {
  boost::system::error_code error;
  const tcp::endpoint peer = stream_.socket().remote_endpoint(error);
  const tcp::endpoint local = error ? tcp::endpoint() : stream_.socket().local_endpoint(error);
  if (error) return close();  // gone before we came to it
  std::optional<Session::Secured> secured;
  if (stream_.tls() != nullptr) secured.emplace(stream_.tls()->common_name());
  session_ = std::make_shared<Session>(host_, outbox_, *this, net::text_of(peer), net::text_of(local),
                                       std::move(secured));
  wait_for_bytes();
}

void Connection::close() {
  if (!std::exchange(open_, false)) return;
  if (session_) session_->close();
  outbox_.clear();
  host_.received.give_back(std::exchange(held_bytes_, 0));
  host_.received.end_pass(this);
  stream_.close();
  closed_(shared_from_this());
}

void Connection::end(std::string why) {
  session_->end(std::move(why));
  close();
}

// --- in ---------------------------------------------------------------------------------------------------

void Connection::wait_for_bytes() {
  if (std::exchange(waiting_for_bytes_, true)) return;
  stream_.async_wait_readable([self = shared_from_this()](const boost::system::error_code& error) {
    self->waiting_for_bytes_ = false;
    self->on_readable(error);
  });
}

void Connection::on_readable(const boost::system::error_code& error) {
  if (!open_) return;
  if (error) return close();
  for (std::size_t reads = 0;
       reads * wire::FrameBuffer::kRoomBytes < kReadPerTurn && takes_more() && read_some();)
    ++reads;
  // Who sends a byte now and then must not hold room for many.
  if (buffer_.pending_bytes() < kSmallBytes) buffer_.release();
  if (open_) turn();
}

bool Connection::read_some() {
  const auto room = buffer_.room();
  boost::system::error_code error;
  const std::size_t bytes = stream_.read_some(asio::buffer(room.data(), room.size()), error);
  if (error == asio::error::would_block) return false;
  if (error) {
    // What was sent before the end counts: it is handed on, though nobody waits for the answer.
    session_->submit();
    close();
    return false;
  }
  if (!session_->connected() && speaks_tls({room.data(), bytes})) {
    close();
    return false;
  }
  buffer_.filled(bytes);
  received_ = now();
  pinged_ = false;
  doubted_.reset();
  take_frames();
  return bytes == room.size() && begun_ && takes_more();
}

/// What came first is the beginning of a handshake; as a frame it would have 369 MB.
bool Connection::speaks_tls(std::string_view first) const {
  if (stream_.tls() != nullptr || buffer_.pending_bytes() > 0 || !first.starts_with(net::kTlsFirstByte))
    return false;
  if (const auto left_out = host_.tls_reports.take())
    log::warn("pulsar", "{} speaks TLS to {}, which does not; pulsar+ssl:// has a port of its own{}",
              session_->peer(), session_->local(),
              *left_out == 0 ? "" : fmt::format(" (and {} before it that are not shown)", *left_out));
  return true;
}

void Connection::take_frames() {
  const bool was_connected = session_->connected();
  bool stopped = false;
  const auto taken = buffer_.take([&](std::string_view frame) {
    admitted_ = false;
    host_.received.end_pass(this);
    session_->on_frame(frame, buffer_);
    if (!was_connected && session_->connected()) buffer_.set_frame_bytes_max(host_.frame_bytes_max());
    stopped = !takes_more();
    return !stopped;
  });
  if (!taken) session_->end(taken.error().text());
  begun_ = !stopped && buffer_.pending_bytes() > 0;
  admit();
}

bool Connection::takes_more() {
  if (!session_->takes_more()) return false;
  if (!host_.received.full()) return true;
  // What fills it may wait for long, for a quota or a rate: acknowledgements, signs of life and those who
  // come must not wait for that.
  if (session_->publishing_bytes() + buffer_.pending_bytes() < kFreeBytes) return true;
  return admitted_ && host_.received.pass(this, now());
}

// A socket that is not read does not say that its peer has ended it.
bool Connection::peer_has_ended() {
  tcp_info info{};
  socklen_t size = sizeof info;
  return ::getsockopt(stream_.socket().native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
         info.tcpi_state == TCP_CLOSE_WAIT;
}

/// What began while there was no room is not counted; it is no more than one read brings.
void Connection::admit() {
  if (begun_ && !host_.received.full()) admitted_ = true;
  count_held();
}

void Connection::count_held() {
  const std::uint64_t held = admitted_ ? buffer_.pending_bytes() : 0;
  if (held > held_bytes_)
    host_.received.take(held - held_bytes_);
  else
    host_.received.give_back(held_bytes_ - held);
  held_bytes_ = held;
}

// --- turns ------------------------------------------------------------------------------------------------

void Connection::turn_soon() {
  if (!open_ || std::exchange(turning_soon_, true)) return;
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    self->turning_soon_ = false;
    self->turn();
  });
}

void Connection::turn() {
  if (!open_) return;
  if (buffer_.pending_bytes() > 0 && takes_more()) take_frames();
  session_->submit();
  write();
  if (!open_) return;
  if (session_->ended()) {
    if (outbox_.empty()) close();  // else when all is out
    return;
  }
  paused_ = !takes_more();
  if (!paused_) return wait_for_bytes();
  if (!host_.received.full() || std::exchange(waiting_for_budget_, true)) return;
  host_.received.wait([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->waiting_for_budget_ = false;
    self->turn_soon();
  });
}

// --- out --------------------------------------------------------------------------------------------------

void Connection::write() {
  if (writing_ || outbox_.empty()) return;
  std::vector<asio::const_buffer> buffers;
  for (const std::string_view piece : outbox_.next(kPiecesPerWrite))
    buffers.emplace_back(piece.data(), piece.size());
  writing_ = true;
  wrote_ = now();
  stream_.async_write_some(
      buffers, [self = shared_from_this()](const boost::system::error_code& error, std::size_t bytes) {
        self->writing_ = false;
        self->on_written(error, bytes);
      });
}

void Connection::on_written(const boost::system::error_code& error, std::size_t bytes) {
  if (!open_) return;
  if (error) return close();
  outbox_.sent(bytes);
  turn();
}

void Connection::prove_alive() {
  const auto time = now();
  if (!open_ || doubted_ || time - received_ < kRest) return;
  doubted_ = time;
  session_->reply(wire::CommandPing{});
}

// --- time -------------------------------------------------------------------------------------------------

bool Connection::stalled(base::MonotonicTime time) {
  if (!begun_) return false;
  // Who has the pass keeps those waiting that hold much, as long as its frame takes.
  const auto since = host_.received.full() ? host_.received.pass_since(this) : std::nullopt;
  if (since && time - *since > host_.options.frame_timeout) return true;
  if (time - received_ <= host_.options.frame_timeout) return false;
  // Who waits for its turn has sent what we have not read.
  boost::system::error_code ignored;
  return !paused_ || (host_.received.full() && stream_.socket().available(ignored) == 0);
}

void Connection::check(base::MonotonicTime time, Timestamp wall) {
  if (!open_) return;
  const PulsarDoorOptions& options = host_.options;
  const auto silence = time - received_;
  if (!session_->connected() && time - accepted_ > options.connect_timeout) return end("no CONNECT in time");
  if (writing_ && time - wrote_ > options.write_timeout) return end("it does not read what it asked for");
  if (stalled(time)) return end("a frame that does not go on");
  if (paused_ && peer_has_ended()) return close();
  if (doubted_ && time - *doubted_ > options.doubt_timeout)
    return end("no sign of life, and another one waits for its place");
  if (!paused_ && silence > 2 * options.keep_alive) return end("no sign of life");
  if (!paused_ && silence > options.keep_alive && session_->connected() && !std::exchange(pinged_, true))
    session_->reply(wire::CommandPing{});
  session_->check(time, wall);
  if (silence > kRest && !paused_) outbox_.release();
}

}  // namespace geminga::doors::pulsar
