#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <geminga/consumer.hpp>

#include "base/clock.hpp"

namespace geminga::bus {

/// The unsettled messages that the application holds, by when their time is over. Any thread.
class AckTimeouts {
 public:
  struct Held {
    std::uint64_t tag = 0;
    std::weak_ptr<Delivery::Impl> delivery;  ///< gone when the application dropped it unsettled
    std::shared_ptr<Delivery::Impl> kept;    ///< orderly only: it is tried again here, not by the engine
  };
  /// True: nobody watches the time. The caller arms a timer that calls take_due() and goes on as that says.
  bool add(base::MonotonicTime when, Held held) {
    const std::lock_guard lock(mutex_);
    const auto tag = held.tag;
    forget(tag);  // of a delivery that was withdrawn: this is another one of the same message
    by_tag_.emplace(tag, by_time_.emplace(when, std::move(held)));
    return !std::exchange(watched_, true);
  }
  void remove(std::uint64_t tag) {
    const std::lock_guard lock(mutex_);
    forget(tag);
  }
  struct Due {
    std::vector<Held> held;
    std::optional<base::MonotonicTime> next;  ///< when to call again; nothing: not before the next add()
  };
  Due take_due(base::MonotonicTime now) {
    const std::lock_guard lock(mutex_);
    Due due;
    while (!by_time_.empty() && by_time_.begin()->first <= now) {
      by_tag_.erase(by_time_.begin()->second.tag);
      due.held.push_back(std::move(by_time_.begin()->second));
      by_time_.erase(by_time_.begin());
    }
    watched_ = !by_time_.empty();
    if (watched_) due.next = by_time_.begin()->first;
    return due;
  }

 private:
  void forget(std::uint64_t tag) {
    const auto found = by_tag_.find(tag);
    if (found == by_tag_.end()) return;
    by_time_.erase(found->second);
    by_tag_.erase(found);
  }

  using ByTime = std::multimap<base::MonotonicTime, Held>;
  std::mutex mutex_;
  ByTime by_time_;                                              // under mutex
  std::unordered_map<std::uint64_t, ByTime::iterator> by_tag_;  // under mutex
  bool watched_ = false;                                        // under mutex; a timer is armed
};

}  // namespace geminga::bus
