#pragma once

#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include <geminga/error.hpp>

#include "base/clock.hpp"
#include "base/event_loop.hpp"

namespace geminga::bus {

void log_thrown(const char* what);

/// The one thread of a bus: runs the callbacks of users and the bus's own time-outs, so that neither ever
/// runs on a thread of an engine. Shared with what is under way in the engine; it may outlive the bus, and
/// runs what is posted then on the thread that posts.
class Callbacks {
 public:
  Callbacks()
      : loop_(std::make_unique<base::EventLoop>("geminga-bus")),
        timer_(std::make_unique<base::Timer>(*loop_)) {}
  ~Callbacks() { stop(); }
  Callbacks(const Callbacks&) = delete;
  Callbacks& operator=(const Callbacks&) = delete;

  void post(base::Task task);
  /// Runs `task` on the loop at `when`; never when the bus is closed before. Tasks hold weak pointers.
  void at(base::MonotonicTime when, base::Task task);
  [[nodiscard]] bool here() const;
  /// Joins the thread. Idempotent; never from the loop itself.
  void stop();

 private:
  void arm();
  void run_due();

  std::mutex mutex_;
  bool stopping_ = false;                  // under mutex
  std::unique_ptr<base::EventLoop> loop_;  // constant
  // The loop's thread only:
  std::unique_ptr<base::Timer> timer_;
  std::multimap<base::MonotonicTime, base::Task> deadlines_;
};

/// Calls the application back. What it throws is a fault of its own: it ends here, with a line in the log.
template <class Callback, class T>
void call_back(Callback& callback, Result<T> result) {
  try {
    callback(std::move(result));
  } catch (const std::exception& thrown) {
    log_thrown(thrown.what());
  } catch (...) {
    log_thrown("something that is no std::exception");
  }
}

}  // namespace geminga::bus
