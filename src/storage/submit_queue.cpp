#include "storage/submit_queue.hpp"

#include "base/assert.hpp"

namespace geminga::storage {
namespace {

std::uint64_t budget_of(const Transaction& transaction) {
  std::uint64_t bytes = 0;
  for (const Operation& operation : transaction.operations) {
    if (const auto* append = std::get_if<Append>(&operation))
      bytes += kAppendOverheadBytes + append->body.size();
  }
  return bytes;
}

}  // namespace

bool SubmitQueue::push(Transaction& transaction) {
  const std::uint64_t budget = budget_of(transaction);
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    // A transaction that is larger than what is left passes when nothing else is under way: nobody would make
    // room for it by being done.
    const bool overloaded = budget > 0 && budget_used_ > resting_ && budget_used_ + budget > budget_bytes_;
    if (overloaded) {
      transaction.operations.clear();
    } else {
      budget_used_ += budget;
    }
    waiting_.push_back(
        {.transaction = std::move(transaction), .budget = overloaded ? 0 : budget, .overloaded = overloaded});
    wake = std::exchange(sleeping_, false);
  }
  if (wake) wake_.notify_one();
  return true;
}

bool SubmitQueue::take(std::vector<Submitted>& into,
                       std::optional<std::chrono::steady_clock::time_point> until) {
  into.clear();
  std::unique_lock lock(mutex_);
  while (waiting_.empty() && !closed_ && !poked_) {
    sleeping_ = true;
    if (!until) {
      wake_.wait(lock);
    } else if (wake_.wait_until(lock, *until) == std::cv_status::timeout) {
      break;
    }
  }
  sleeping_ = false;
  poked_ = false;
  into.swap(waiting_);
  return !into.empty() || !closed_;
}

void SubmitQueue::poke() {
  const std::lock_guard lock(mutex_);
  poked_ = true;
  wake_.notify_one();
}

void SubmitQueue::set_resting(std::uint64_t budget) {
  const std::lock_guard lock(mutex_);
  GEMINGA_ASSERT(budget <= budget_used_);
  resting_ = budget;
}

void SubmitQueue::give_back(std::uint64_t budget) {
  const std::lock_guard lock(mutex_);
  GEMINGA_ASSERT(budget_used_ >= budget);
  budget_used_ -= budget;
}

void SubmitQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  wake_.notify_all();
}

std::uint64_t SubmitQueue::budget_used() const {
  const std::lock_guard lock(mutex_);
  return budget_used_;
}

}  // namespace geminga::storage
