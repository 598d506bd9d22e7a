#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <vector>

#include <geminga/producer.hpp>

#include "base/clock.hpp"
#include "base/event_loop.hpp"
#include "base/later.hpp"
#include "bus/engine.hpp"

namespace geminga::bus {

/// The sends of one producer that have no answer yet: their limits, their time-outs, and that each is
/// answered exactly once. Knows no engine, so that what waits inside the engine may own it. Any thread.
class PendingSends final : public EngineSendSink {
 public:
  struct Limits {
    std::uint32_t messages_max = 1'000;
    std::uint64_t bytes_max = 64ULL << 20;
    bool block_if_full = true;
    std::chrono::milliseconds send_timeout{30'000};
  };
  /// Takes a task to where the callbacks of users run.
  using Post = std::function<void(base::Task)>;
  PendingSends(Limits limits, const base::Clock& clock, Post post)
      : limits_(limits), clock_(clock), post_(std::move(post)) {}

  /// Where `done` is called: by the thread that has the answer, or, for code of users, where Post takes it.
  enum class Where : std::uint8_t { here, posted };
  struct Begun {
    std::uint64_t tag = 0;
    bool arm = false;  ///< no timer runs: the caller has one to set, which calls expire() at the deadline
  };
  /// Never waits; nothing: there is no room, and `done` is untouched. Otherwise `done` is called once, for
  /// on_answers(), expire() or abandon(). Errors (`done` is untouched): queue_full, closed.
  Result<std::optional<Begun>> begin(std::uint64_t bytes, base::MonotonicTime deadline, Done<MessageId>& done,
                                     Where where);
  /// Waits until there is room, as it seems. Errors: timeout (no room in time), closed.
  Result<> wait_for_room(std::uint64_t bytes, base::MonotonicTime deadline);
  [[nodiscard]] base::MonotonicTime deadline() const {
    return base::later(clock_.monotonic_now(), limits_.send_timeout);
  }

  void on_answers(std::vector<SendAnswer> answers) override;
  /// The timer: times out what is over its deadline; returns when to call again, if a timer is needed still.
  std::optional<base::MonotonicTime> expire();
  /// Waits until everything begun before has its answer.
  void wait_for_answers();
  /// No more begins.
  void close();
  /// Answers what is left with `closed`.
  void abandon();

 private:
  struct Send {
    std::uint64_t bytes = 0;
    base::MonotonicTime deadline{};
    Done<MessageId> done;
    Where where = Where::here;
    bool answered = false;
  };
  struct Answered {
    Done<MessageId> done;
    Result<MessageId> id;
  };
  struct Turn {
    std::vector<Answered> here;
    std::vector<Answered> posted;
  };
  [[nodiscard]] bool has_room(std::uint64_t bytes) const;
  [[nodiscard]] bool well_below_limits() const;
  void answer(SendAnswer answer, Turn& turn);
  Turn answer_overdue();
  void forget_answered();
  void tell(Turn turn);

  static constexpr std::uint64_t kNobody = std::numeric_limits<std::uint64_t>::max();

  const Limits limits_;
  const base::Clock& clock_;
  const Post post_;
  std::mutex mutex_;
  std::condition_variable room_;      ///< there is room again, or no more begins
  std::condition_variable answered_;  ///< gone_ reached wake_at_
  // Under mutex:
  std::deque<Send> in_order_;  ///< by tag and by deadline; answered ones leave when they reach the front
  std::uint64_t gone_ = 0;     ///< how many left in_order_: the tag of its first
  std::uint64_t wake_at_ = kNobody;  ///< the lowest gone_ that somebody waits for
  std::uint32_t waiting_for_room_ = 0;
  std::uint32_t messages_ = 0;
  std::uint64_t bytes_ = 0;
  bool armed_ = false;  ///< a timer runs; with many lone sends one after the other it is set once
  bool closed_ = false;
};

}  // namespace geminga::bus
