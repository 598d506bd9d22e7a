#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
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
  /// What was added until now is submitted when it returns, however much is under way: for calls that must
  /// not overtake it.
  void submit_all() {
    std::unique_lock lock(mutex_);
    all_ = true;
    submit_what_is_due(lock);
    submitted_.wait(lock, [this] { return !submitting_ || submitter_ == std::this_thread::get_id(); });
  }

 private:
  [[nodiscard]] bool due() const {
    return !forming_.empty() && (all_ || under_way_ < at_once_ || forming_.full());
  }
  void submit_what_is_due(std::unique_lock<std::mutex>& lock) {
    if (submitting_) return;
    submitting_ = true;
    submitter_ = std::this_thread::get_id();
    while (due()) {
      Batch batch = std::exchange(forming_, Batch{});
      under_way_ += 1;
      lock.unlock();
      submit_(std::move(batch));
      lock.lock();
    }
    submitting_ = false;
    all_ = false;
    submitted_.notify_all();
  }

  const std::uint32_t at_once_;
  const std::function<void(Batch)> submit_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable submitted_;
  std::thread::id submitter_;
  Batch forming_;
  bool all_ = false;
  std::uint32_t under_way_ = 0;
  bool submitting_ = false;  ///< some thread does: it takes what comes meanwhile, so the order is kept
};

}  // namespace geminga::engines::embedded
