#pragma once

#include <atomic>
#include <cstdint>

namespace geminga::broker {

/// How much memory all subscriptions together have for one thing: for what is not settled (messages that are
/// out or wait, ranges and parts of batches that are acknowledged behind a gap), or for what is held until
/// its time. Any thread.
class MemoryBudget {
 public:
  /// `each_min` bytes are every subscription's, whatever the others took.
  MemoryBudget(std::uint64_t bytes_max, std::uint64_t each_min)
      : bytes_max_(bytes_max), each_min_(each_min) {}

  /// For a subscription that has `has` of it.
  [[nodiscard]] bool spent(std::uint64_t has) const { return bytes() >= bytes_max_ && has >= each_min_; }
  [[nodiscard]] std::uint64_t bytes() const { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t bytes_max() const { return bytes_max_; }

 private:
  friend class MemoryShare;
  const std::uint64_t bytes_max_;
  const std::uint64_t each_min_;
  std::atomic<std::uint64_t> used_{0};
};

/// What one subscription has of it. Freed, it gives that back.
class MemoryShare {
 public:
  explicit MemoryShare(MemoryBudget* budget) : budget_(budget) {}  ///< nullptr: no limit
  ~MemoryShare() { set(0); }
  MemoryShare(const MemoryShare&) = delete;
  MemoryShare& operator=(const MemoryShare&) = delete;

  void set(std::uint64_t bytes) {
    if (budget_ == nullptr || bytes == bytes_) return;
    budget_->used_.fetch_add(bytes - bytes_, std::memory_order_relaxed);
    bytes_ = bytes;
  }
  [[nodiscard]] bool spent() const { return budget_ != nullptr && budget_->spent(bytes_); }

 private:
  MemoryBudget* const budget_;
  std::uint64_t bytes_ = 0;
};

}  // namespace geminga::broker
