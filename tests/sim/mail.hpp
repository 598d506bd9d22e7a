#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

namespace geminga::sim {

/// What the broker's threads said, for the thread of the run.
class Mail {
 public:
  using Letter = std::move_only_function<void()>;
  /// Receipts first: a delivery may come before the receipt of its message does.
  enum class Lane : std::uint8_t { receipt, event };

  void expect_answer();
  void answered(Lane lane, Letter letter);
  void said(Letter letter);
  /// Waits for every answer, then reads everything. A breach when one does not come.
  void read_answers();
  /// Reads until `enough`, which is asked between letters. A breach with `complaint` when it does not come to
  /// that.
  void read_until(const std::function<bool()>& enough, const std::function<std::string()>& complaint);

 private:
  void read(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t answers_missing_ = 0;
  std::deque<Letter> receipts_;
  std::deque<Letter> events_;
};

}  // namespace geminga::sim
