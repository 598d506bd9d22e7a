#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auth/authenticator.hpp"
#include "base/clock.hpp"
#include "base/event_loop.hpp"
#include "base/log_limit.hpp"
#include "broker/broker.hpp"
#include "doors/pulsar/pulsar_door.hpp"
#include "doors/pulsar/topic_users.hpp"
#include "net/blocking_pool.hpp"
#include "wire/pulsar/frame.hpp"

namespace geminga::doors::pulsar {

/// Bytes of all connections that were received and are not answered yet: frames that are not whole, and
/// messages on their way to the disk. While it is full no socket is read of those who hold a share of it, but
/// for one that has begun a frame: it holds the pass until that is whole, so that many halves cannot wait for
/// each other. The door's loop only.
class ReceiveBudget {
 public:
  explicit ReceiveBudget(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  [[nodiscard]] std::uint64_t used() const { return used_; }
  [[nodiscard]] bool full() const { return used_ >= bytes_max_; }
  void take(std::uint64_t bytes) { used_ += bytes; }
  void give_back(std::uint64_t bytes) {
    used_ -= bytes;
    if (!full()) tell_waiting();
  }
  /// True: `who` has the pass.
  bool pass(const void* who, base::MonotonicTime now) {
    if (pass_ == nullptr) {
      pass_ = who;
      pass_since_ = now;
    }
    return pass_ == who;
  }
  /// Nothing: another has it, or nobody.
  [[nodiscard]] std::optional<base::MonotonicTime> pass_since(const void* who) const {
    return pass_ == who ? std::optional(pass_since_) : std::nullopt;
  }
  void end_pass(const void* who) {
    if (pass_ != who) return;
    pass_ = nullptr;
    tell_waiting();
  }
  /// Calls it once, when there may be room again.
  void wait(std::function<void()> again) { waiting_.push_back(std::move(again)); }

 private:
  void tell_waiting() {
    for (const auto& again : std::exchange(waiting_, {})) again();
  }

  const std::uint64_t bytes_max_;
  std::uint64_t used_ = 0;
  const void* pass_ = nullptr;
  base::MonotonicTime pass_since_;  ///< while somebody has it
  std::vector<std::function<void()>> waiting_;
};

/// What all connections of a door stand on.
struct Host {
  Host(std::shared_ptr<broker::Broker> served, PulsarDoorOptions given)
      : broker(std::move(served)),
        options(std::move(given)),
        clock(options.clock == nullptr ? base::Clock::system() : *options.clock),
        received(options.received_bytes_max) {}

  const std::shared_ptr<broker::Broker> broker;
  const PulsarDoorOptions options;
  const base::Clock& clock;
  /// What goes to a client in one piece, and what is taken from it: it is told so in CONNECTED.
  [[nodiscard]] std::uint32_t frame_bytes_max() const {
    return options.message_bytes_max + wire::pulsar::kFramePadding;
  }
  std::string advertised;      ///< "host:port", or empty; set before there is a connection
  std::string advertised_tls;  ///< the same for TLS
  base::LogLimit tls_reports;  ///< of clients that begin a handshake where there is no TLS
  /// Held by whoever posts to it, so that a late call of the broker finds a stopped loop and no freed one.
  const std::shared_ptr<base::EventLoop> loop = std::make_shared<base::EventLoop>("pulsar");
  ReceiveBudget received;
  TopicUsers users;
  net::BlockingPool blocking{"pulsar-names", 1};  ///< for what the broker answers by waiting
};

}  // namespace geminga::doors::pulsar
