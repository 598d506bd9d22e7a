#include "bus/pending_sends.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "bus/callbacks.hpp"

namespace geminga::bus {

namespace {

std::unexpected<Error> producer_closed() {
  return fail(ErrorCode::closed, "the producer was closed");
}

}  // namespace

// --- room
// ------------------------------------------------------------------------------------------------------

bool PendingSends::has_room(std::uint64_t bytes) const {
  // One message always fits, whatever its size.
  return messages_ == 0 || (messages_ < limits_.messages_max && bytes_ + bytes <= limits_.bytes_max);
}

bool PendingSends::well_below_limits() const {
  return messages_ <= limits_.messages_max / 4 * 3 && bytes_ <= limits_.bytes_max / 4 * 3;
}

Result<std::optional<PendingSends::Begun>> PendingSends::begin(std::uint64_t bytes,
                                                               base::MonotonicTime deadline,
                                                               Done<MessageId>& done, Where where) {
  const std::lock_guard lock(mutex_);
  if (closed_) return producer_closed();
  if (!has_room(bytes)) {
    if (limits_.block_if_full) return std::nullopt;
    return fail(ErrorCode::queue_full,
                fmt::format("{} messages ({} bytes) wait for their receipt; send slower or raise "
                            "max_pending_messages / max_pending_bytes",
                            messages_, bytes_));
  }
  const Begun begun{.tag = gone_ + in_order_.size(), .arm = !std::exchange(armed_, true)};
  // One that has waited for room may have an earlier deadline than those that were begun meanwhile.
  if (!in_order_.empty()) deadline = std::max(deadline, in_order_.back().deadline);
  in_order_.push_back({.bytes = bytes, .deadline = deadline, .done = std::move(done), .where = where});
  ++messages_;
  bytes_ += bytes;
  return begun;
}

Result<> PendingSends::wait_for_room(std::uint64_t bytes, base::MonotonicTime deadline) {
  std::unique_lock lock(mutex_);
  ++waiting_for_room_;
  const bool room = room_.wait_until(lock, deadline, [&] { return closed_ || has_room(bytes); });
  --waiting_for_room_;
  if (closed_) return producer_closed();
  if (!room)
    return fail(ErrorCode::timeout,
                fmt::format("no room among {} pending messages within the send time-out of {} ms", messages_,
                            limits_.send_timeout.count()));
  return {};
}

// --- answers
// ---------------------------------------------------------------------------------------------------

/// Under the mutex.
void PendingSends::answer(SendAnswer answer, Turn& turn) {
  if (answer.tag < gone_) return;  // timed out meanwhile
  Send& send = in_order_.at(answer.tag - gone_);
  if (std::exchange(send.answered, true)) return;
  GEMINGA_ASSERT(messages_ > 0 && bytes_ >= send.bytes);
  --messages_;
  bytes_ -= send.bytes;
  auto& calls = send.where == Where::here ? turn.here : turn.posted;
  calls.push_back({std::move(send.done), std::move(answer.id)});
}

/// Under the mutex; at the end of each turn.
void PendingSends::forget_answered() {
  while (!in_order_.empty() && in_order_.front().answered) {
    in_order_.pop_front();
    ++gone_;
  }
  // A sender that is woken for each message that leaves sends one and sleeps again: it gets room for many.
  if (waiting_for_room_ > 0 && well_below_limits()) room_.notify_all();
  if (gone_ >= wake_at_) {
    wake_at_ = kNobody;
    answered_.notify_all();
  }
}

/// Outside the mutex: one post for all.
void PendingSends::tell(Turn turn) {
  for (Answered& one : turn.here) one.done(std::move(one.id));
  if (turn.posted.empty()) return;
  post_([posted = std::move(turn.posted)]() mutable {
    for (Answered& one : posted) {
      call_back(one.done, std::move(one.id));
      one.done = nullptr;  // what it holds goes now, not with the last of them
    }
  });
}

void PendingSends::on_answers(std::vector<SendAnswer> answers) {
  Turn turn;
  {
    const std::lock_guard lock(mutex_);
    if (answers.size() > 1) turn.posted.reserve(answers.size());
    for (SendAnswer& one : answers) answer(std::move(one), turn);
    forget_answered();
  }
  tell(std::move(turn));
}

/// Under the mutex.
PendingSends::Turn PendingSends::answer_overdue() {
  Turn turn;
  const auto now = clock_.monotonic_now();
  for (std::size_t i = 0; i < in_order_.size() && in_order_[i].deadline <= now; ++i) {
    answer({gone_ + i, fail(ErrorCode::timeout,
                            fmt::format("no receipt within the send time-out of {} ms; the message may still "
                                        "be stored",
                                        limits_.send_timeout.count()))},
           turn);
  }
  forget_answered();
  return turn;
}

std::optional<base::MonotonicTime> PendingSends::expire() {
  Turn turn;
  std::optional<base::MonotonicTime> next;
  {
    const std::lock_guard lock(mutex_);
    turn = answer_overdue();
    if (!in_order_.empty()) next = in_order_.front().deadline;
    armed_ = next.has_value();
  }
  tell(std::move(turn));
  return next;
}

void PendingSends::wait_for_answers() {
  std::unique_lock lock(mutex_);
  const std::uint64_t target = gone_ + in_order_.size();
  while (gone_ < target) {
    const auto deadline = in_order_.front().deadline;
    const auto reached = [&] {
      if (gone_ >= target) return true;
      wake_at_ = std::min(wake_at_, target);
      return false;
    };
    if (answered_.wait_until(lock, deadline, reached)) return;
    Turn turn = answer_overdue();
    lock.unlock();
    tell(std::move(turn));
    lock.lock();
  }
}

// --- end
// -------------------------------------------------------------------------------------------------------

void PendingSends::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  room_.notify_all();
}

void PendingSends::abandon() {
  close();
  Turn turn;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < in_order_.size(); ++i)
      answer({gone_ + i, fail(ErrorCode::closed, "the producer was closed; the message may still be stored")},
             turn);
    forget_answered();
  }
  tell(std::move(turn));
}

}  // namespace geminga::bus
