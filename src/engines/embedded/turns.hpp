#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

namespace geminga::engines::embedded {

/// Steps of which usually few are under way. Those go at once; what comes meanwhile forms the next one, which
/// goes when one of them has ended or when it is full: so nothing waits without need, and the more there is
/// to do, the more shares a step. A Batch says empty() and full(). Any thread.
template <class Batch>
class Turns {
 public:
  /// `submit` is called in the order of the batches, never twice at once, without a lock. For each call there
  /// is one of ended(), perhaps before it returns. `at_once`: see above.
  Turns(std::uint32_t at_once, std::function<void(Batch)> submit)
      : at_once_(at_once), submit_(std::move(submit)) {}

  /// `put` adds to the batch that forms. Under the lock.
  template <class Put>
  void add(Put put) {
    std::unique_lock lock(mutex_);
    put(forming_);
    submit_what_is_due(lock);
  }
  void ended() {
    std::unique_lock lock(mutex_);
    under_way_ -= 1;
    submit_what_is_due(lock);
  }

 private:
  [[nodiscard]] bool due() const { return !forming_.empty() && (under_way_ < at_once_ || forming_.full()); }
  void submit_what_is_due(std::unique_lock<std::mutex>& lock) {
    if (submitting_) return;
    submitting_ = true;
    while (due()) {
      Batch batch = std::exchange(forming_, Batch{});
      under_way_ += 1;
      lock.unlock();
      submit_(std::move(batch));
      lock.lock();
    }
    submitting_ = false;
  }

  const std::uint32_t at_once_;
  const std::function<void(Batch)> submit_;
  std::mutex mutex_;  // guards what follows
  Batch forming_;
  std::uint32_t under_way_ = 0;
  bool submitting_ = false;  ///< some thread does: it takes what comes meanwhile, so the order is kept
};

}  // namespace geminga::engines::embedded
