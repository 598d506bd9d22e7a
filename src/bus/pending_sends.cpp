#include "bus/pending_sends.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/later.hpp"

namespace geminga::bus {

bool PendingSends::has_room(std::uint64_t bytes) const {
  // One message always fits, whatever its size.
  return messages_ == 0 || (messages_ < limits_.messages_max && bytes_ + bytes <= limits_.bytes_max);
}

bool PendingSends::well_below_limits() const {
  return messages_ <= limits_.messages_max / 4 * 3 && bytes_ <= limits_.bytes_max / 4 * 3;
}

Result<PendingSends::Begun> PendingSends::begin(std::uint64_t bytes, Done<MessageId>& done) {
  const auto deadline = base::later(clock_.monotonic_now(), limits_.send_timeout);
  std::unique_lock lock(mutex_);
  if (!limits_.block_if_full && !closed_ && !has_room(bytes))
    return fail(ErrorCode::queue_full,
                fmt::format("{} messages ({} bytes) wait for their receipt; send slower or raise "
                            "max_pending_messages / max_pending_bytes",
                            messages_, bytes_));
  ++waiting_for_room_;
  const bool room = room_.wait_until(lock, deadline, [&] { return closed_ || has_room(bytes); });
  --waiting_for_room_;
  if (!room)
    return fail(ErrorCode::timeout,
                fmt::format("no room among {} pending messages within the send time-out of {} ms", messages_,
                            limits_.send_timeout.count()));
  if (closed_) return fail(ErrorCode::closed, "the producer was closed");
  const bool first = !std::exchange(watched_, true);
  auto ticket = std::make_shared<Send>(bytes, deadline, std::move(done));
  in_order_.push_back(ticket);
  ++begun_;
  ++messages_;
  bytes_ += bytes;
  return Begun{std::move(ticket), first};
}

void PendingSends::finish(const Ticket& ticket, Result<MessageId> result) {
  Done<MessageId> done;
  {
    const std::lock_guard lock(mutex_);
    if (ticket->answered) return;
    ticket->answered = true;
    done = std::move(ticket->done);
    GEMINGA_ASSERT(messages_ > 0 && bytes_ >= ticket->bytes);
    --messages_;
    bytes_ -= ticket->bytes;
    while (!in_order_.empty() && in_order_.front()->answered) {
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
  done(std::move(result));
}

std::optional<base::MonotonicTime> PendingSends::expire() {
  finish_late();
  const std::lock_guard lock(mutex_);
  if (!in_order_.empty()) return in_order_.front()->deadline;
  watched_ = false;
  return std::nullopt;
}

void PendingSends::finish_late() {
  const auto now = clock_.monotonic_now();
  while (true) {
    Ticket late;
    {
      const std::lock_guard lock(mutex_);
      if (in_order_.empty() || in_order_.front()->deadline > now) return;
      late = in_order_.front();
    }
    finish(late,
           fail(ErrorCode::timeout,
                fmt::format("no receipt within the send time-out of {} ms; the message may still be stored",
                            limits_.send_timeout.count())));
  }
}

void PendingSends::wait_for_answers() {
  std::unique_lock lock(mutex_);
  const std::uint64_t target = begun_;
  while (gone_ < target) {
    const auto deadline = in_order_.front()->deadline;
    const auto reached = [&] {
      if (gone_ >= target) return true;
      wake_at_ = std::min(wake_at_, target);
      return false;
    };
    if (answered_.wait_until(lock, deadline, reached)) return;
    lock.unlock();
    finish_late();
    lock.lock();
  }
}

void PendingSends::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  room_.notify_all();
}

void PendingSends::abandon() {
  close();
  while (true) {
    Ticket left;
    {
      const std::lock_guard lock(mutex_);
      if (in_order_.empty()) return;
      left = in_order_.front();
    }
    finish(left, fail(ErrorCode::closed, "the producer was closed; the message may still be stored"));
  }
}

}  // namespace geminga::bus
