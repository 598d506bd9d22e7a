#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>

#include <geminga/producer.hpp>

#include "base/clock.hpp"
#include "bus/engine.hpp"

namespace geminga::bus {

/// The sends of one producer that have no answer yet: their limits, their time-outs, and that each is
/// answered exactly once. Knows no engine, so that what waits inside the engine may own it. Any thread.
class PendingSends : public std::enable_shared_from_this<PendingSends> {
 public:
  struct Limits {
    std::uint32_t messages_max = 1'000;
    std::uint64_t bytes_max = 64ULL << 20;
    bool block_if_full = true;
    std::chrono::milliseconds send_timeout{30'000};
  };
  PendingSends(Limits limits, const base::Clock& clock) : limits_(limits), clock_(clock) {}

  struct Send {
    std::uint64_t bytes = 0;
    base::MonotonicTime deadline{};
    Done<MessageId> done;   // under the mutex of PendingSends until answered
    bool answered = false;  // the same
  };
  using Ticket = std::shared_ptr<Send>;

  /// Waits for room, if so configured. `first`: nobody watches the time; the caller arms a time-out that
  /// calls expire() and goes on as that says. `done` is called by finish(), expire() or abandon(), on their
  /// thread, outside the lock. Errors (nothing was taken, `done` is untouched): queue_full, timeout (no room
  /// in time), closed.
  struct Begun {
    Ticket ticket;
    bool first = false;
  };
  Result<Begun> begin(std::uint64_t bytes, Done<MessageId>& done);
  void finish(const Ticket& ticket, Result<MessageId> result);
  /// Times out what is over its deadline. Returns when to call again; nothing: not before the next `first`.
  std::optional<base::MonotonicTime> expire();
  /// Waits until everything begun before has its answer.
  void wait_for_answers();
  /// No more begins.
  void close();
  /// Answers what is left with `closed`.
  void abandon();

 private:
  [[nodiscard]] bool has_room(std::uint64_t bytes) const;
  [[nodiscard]] bool well_below_limits() const;
  void finish_late();

  static constexpr std::uint64_t kNobody = std::numeric_limits<std::uint64_t>::max();

  const Limits limits_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::condition_variable room_;      ///< there is room again, or no more begins
  std::condition_variable answered_;  ///< gone_ reached wake_at_
  // Under mutex:
  std::deque<Ticket> in_order_;  ///< by deadline; answered ones leave when they reach the front
  std::uint64_t begun_ = 0;
  std::uint64_t gone_ = 0;           ///< how many left in_order_
  std::uint64_t wake_at_ = kNobody;  ///< the lowest gone_ that somebody waits for
  std::uint32_t waiting_for_room_ = 0;
  std::uint32_t messages_ = 0;
  std::uint64_t bytes_ = 0;
  bool watched_ = false;  ///< a call of expire() is to come
  bool closed_ = false;
};

}  // namespace geminga::bus
