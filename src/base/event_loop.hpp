#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace boost::asio {
class io_context;
}

namespace geminga::base {

using Task = std::move_only_function<void()>;

/// One thread that runs tasks and timers in order: a core of the broker, the I/O thread of a server. What
/// belongs to a loop is touched by its tasks only, so it needs no lock. The destructor stops it as stop()
/// does.
class EventLoop {
 public:
  /// Starts the thread; `name` (at most 15 characters) shows in top and perf.
  explicit EventLoop(std::string name);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Any thread. Tasks run in the order posted, one at a time. A burst of posts costs one wake-up. False once
  /// the loop has stopped: the task was destroyed without running.
  bool post(Task task);
  /// True on the loop's own thread.
  [[nodiscard]] bool here() const;
  /// Posts and waits for the end; runs at once on the loop's own thread. False once the loop has stopped.
  bool run(Task task);
  /// Runs what is posted, drops pending timers, joins the thread. Idempotent; never from the loop's own
  /// thread.
  void stop();
  /// For sockets and other Asio objects that live on this loop.
  [[nodiscard]] boost::asio::io_context& context();

 private:
  friend class Timer;
  friend class PostsTogether;
  struct Impl;
  std::shared_ptr<Impl> impl_;  // with those who will wake it
};

/// While one lives, what its thread posts wakes no loop; its end wakes each of them, once. To wake a thread
/// takes longer than many a task: whoever posts much does it in one, and what is urgent and needs no loop
/// goes out before. For the duration of a block, which does not wait for a loop; in another one it does
/// nothing.
class PostsTogether {
 public:
  PostsTogether();
  ~PostsTogether();
  PostsTogether(const PostsTogether&) = delete;
  PostsTogether& operator=(const PostsTogether&) = delete;

 private:
  friend struct EventLoop::Impl;
  void add(const std::shared_ptr<EventLoop::Impl>& loop);

  std::vector<std::shared_ptr<EventLoop::Impl>> loops_;  ///< few: a linear search finds one
};

/// A one-shot timer on a loop, in monotonic time. Every member on the loop's thread only; it must go before
/// its loop.
class Timer {
 public:
  explicit Timer(EventLoop& loop);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  /// Replaces what was set before; a replaced or cancelled task never runs.
  void set(MonotonicTime when, Task task);
  void set_after(std::chrono::milliseconds delay, Task task);
  void cancel();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace geminga::base
