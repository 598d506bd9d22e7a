#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
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
  /// True when this is the earliest: a timer must be armed.
  bool add(base::MonotonicTime when, Held held) {
    const std::lock_guard lock(mutex_);
    const auto tag = held.tag;
    const auto at = by_time_.emplace(when, std::move(held));
    by_tag_.insert_or_assign(tag, at);
    return at == by_time_.begin();
  }
  void remove(std::uint64_t tag) {
    const std::lock_guard lock(mutex_);
    const auto found = by_tag_.find(tag);
    if (found == by_tag_.end()) return;
    by_time_.erase(found->second);
    by_tag_.erase(found);
  }
  struct Due {
    std::vector<Held> held;
    std::optional<base::MonotonicTime> next;
  };
  Due take_due(base::MonotonicTime now) {
    const std::lock_guard lock(mutex_);
    Due due;
    while (!by_time_.empty() && by_time_.begin()->first <= now) {
      by_tag_.erase(by_time_.begin()->second.tag);
      due.held.push_back(std::move(by_time_.begin()->second));
      by_time_.erase(by_time_.begin());
    }
    if (!by_time_.empty()) due.next = by_time_.begin()->first;
    return due;
  }

 private:
  using ByTime = std::multimap<base::MonotonicTime, Held>;
  std::mutex mutex_;
  ByTime by_time_;                                              // under mutex
  std::unordered_map<std::uint64_t, ByTime::iterator> by_tag_;  // under mutex
};

}  // namespace geminga::bus
