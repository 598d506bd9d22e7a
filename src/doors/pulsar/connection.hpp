#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "doors/pulsar/host.hpp"
#include "doors/pulsar/outbox.hpp"
#include "doors/pulsar/session.hpp"
#include "net/stream.hpp"
#include "wire/pulsar/frame_buffer.hpp"

namespace geminga::doors::pulsar {

/// A socket and its session: bytes in, frames to the session, what the session says out again; time-outs.
/// Ends by itself and says so once. The door's loop only; alive while it waits for its socket or its owner
/// keeps it.
class Connection : public TopicUser, public std::enable_shared_from_this<Connection> {
 public:
  using Closed = std::function<void(const std::shared_ptr<Connection>&)>;
  Connection(Host& host, net::Stream stream, Closed closed);

  void start();
  /// Now and then: what took too long, and signs of life.
  void check(base::MonotonicTime now, Timestamp wall);
  /// If it has been silent: within doubt_timeout, or it ends.
  void prove_alive() override;
  void close();

 private:
  [[nodiscard]] base::MonotonicTime now() const { return host_.clock.monotonic_now(); }
  void wait_for_bytes();
  void on_readable(const boost::system::error_code& error);
  /// False: nothing more is there now, or the connection ended.
  bool read_some();
  void take_frames();
  [[nodiscard]] bool speaks_tls(std::string_view first) const;
  /// False: nothing more is to be read now.
  [[nodiscard]] bool takes_more();
  [[nodiscard]] bool peer_has_ended();
  /// Its peer has begun a frame, may go on with it, and does not.
  [[nodiscard]] bool stalled(base::MonotonicTime now);
  /// After whatever happened: hands on, writes, waits for more.
  void turn();
  void turn_soon();
  void write();
  void on_written(const boost::system::error_code& error, std::size_t bytes);
  void admit();
  void count_held();
  void end(std::string why);

  Host& host_;
  net::Stream stream_;
  const Closed closed_;
  bool open_ = true;
  wire::FrameBuffer buffer_;
  Outbox outbox_;
  std::shared_ptr<Session> session_;
  std::uint64_t held_bytes_ = 0;  ///< that the budget counts for frames that are not whole
  bool begun_ = false;            ///< what is pending is the beginning of one frame
  bool admitted_ = false;         ///< which began while there was room: the budget counts it, and it may end
  bool waiting_for_bytes_ = false;
  bool waiting_for_budget_ = false;
  bool writing_ = false;
  bool turning_soon_ = false;
  bool paused_ = false;  ///< frames may be in the buffer that nobody took
  bool pinged_ = false;
  std::optional<base::MonotonicTime> doubted_;  ///< since then, and nothing came
  base::MonotonicTime accepted_;
  base::MonotonicTime received_;  ///< the last byte
  base::MonotonicTime wrote_;     ///< made progress, or began to write
};

}  // namespace geminga::doors::pulsar
