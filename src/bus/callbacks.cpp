#include "bus/callbacks.hpp"

#include <utility>

#include "base/log.hpp"

namespace geminga::bus {

void log_thrown(const char* what) {
  log::error("bus", "a callback of the application threw: {}", what);
}

void Callbacks::post(base::Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      loop_->post(std::move(task));
      return;
    }
  }
  task();
}

void Callbacks::at(base::MonotonicTime when, base::Task task) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  loop_->post([this, when, task = std::move(task)]() mutable {
    const bool earliest = deadlines_.empty() || when < deadlines_.begin()->first;
    deadlines_.emplace(when, std::move(task));
    if (earliest) arm();
  });
}

bool Callbacks::here() const {
  return loop_->here();
}

void Callbacks::arm() {
  if (!timer_ || deadlines_.empty()) return;
  timer_->set(deadlines_.begin()->first, [this] { run_due(); });
}

void Callbacks::run_due() {
  const auto now = base::Clock::system().monotonic_now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    base::Task due = std::move(deadlines_.begin()->second);
    deadlines_.erase(deadlines_.begin());
    due();
  }
  arm();
}

void Callbacks::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    // The timer belongs to the loop's thread and must go before the loop.
    loop_->post([this] {
      timer_.reset();
      deadlines_.clear();
    });
  }
  loop_->stop();
}

}  // namespace geminga::bus
