#include "mail.hpp"

#include <chrono>
#include <utility>

#include "breach.hpp"

namespace geminga::sim {
namespace {

constexpr std::chrono::seconds kPatience{60};

}  // namespace

void Mail::expect_answer() {
  const std::lock_guard lock(mutex_);
  ++answers_missing_;
}

void Mail::answered(Lane lane, Letter letter) {
  const std::lock_guard lock(mutex_);
  (lane == Lane::receipt ? receipts_ : events_).push_back(std::move(letter));
  --answers_missing_;
  changed_.notify_all();
}

void Mail::said(Letter letter) {
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(letter));
  changed_.notify_all();
}

void Mail::read(std::unique_lock<std::mutex>& lock) {
  auto receipts = std::exchange(receipts_, {});
  auto events = std::exchange(events_, {});
  lock.unlock();
  for (Letter& letter : receipts) letter();
  for (Letter& letter : events) letter();
  lock.lock();
}

void Mail::read_answers() {
  std::unique_lock lock(mutex_);
  while (answers_missing_ > 0 || !receipts_.empty() || !events_.empty()) {
    if (!changed_.wait_for(lock, kPatience, [this] { return answers_missing_ == 0; }))
      breach("{} calls were not answered", answers_missing_);
    read(lock);
  }
}

void Mail::read_until(const std::function<bool()>& enough, const std::function<std::string()>& complaint) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::unique_lock lock(mutex_);
  for (;;) {
    read(lock);
    if (enough()) return;
    if (!changed_.wait_until(lock, deadline, [this] { return !receipts_.empty() || !events_.empty(); }))
      throw Breach(complaint());
  }
}

}  // namespace geminga::sim
