#include "broker/publish_gate.hpp"

#include <utility>

#include <fmt/format.h>

namespace geminga::broker {

std::unexpected<Error> PublishGate::refusal() const {
  return fail(ErrorCode::backlog_quota_exceeded,
              fmt::format("{}; consume or skip messages, or raise the quota", why_));
}

Result<PublishGate::Verdict> PublishGate::decide(const PublishSize& size) {
  const base::MonotonicTime now = clock_.monotonic_now();
  const std::lock_guard lock(mutex_);
  if (exceeded_ == BacklogAction::producer_exception) return refusal();
  if (exceeded_ || !rate_.open(now)) return Verdict::hold;
  rate_.spend(size.messages, size.bytes, now);
  used_ = true;
  return Verdict::go;
}

Result<> PublishGate::admits_at_once() const {
  const base::MonotonicTime now = clock_.monotonic_now();
  const std::lock_guard lock(mutex_);
  if (exceeded_) return refusal();
  if (!rate_.open(now)) {
    return fail(ErrorCode::overloaded,
                fmt::format("the topic's publish rate is reached; try again in {} ms, or raise it",
                            rate_.wait(now).count()));
  }
  return {};
}

void PublishGate::count(const PublishSize& size) {
  const base::MonotonicTime now = clock_.monotonic_now();
  const std::lock_guard lock(mutex_);
  rate_.spend(size.messages, size.bytes, now);
  used_ = true;
}

Result<> PublishGate::refuses(bool or_holds) const {
  const std::lock_guard lock(mutex_);
  if (exceeded_ == BacklogAction::producer_exception) return refusal();
  if (or_holds && exceeded_)
    return fail(ErrorCode::backlog_quota_waits,
                fmt::format("{}; it goes on when messages are consumed or skipped", why_));
  return {};
}

std::optional<std::chrono::milliseconds> PublishGate::wait() const {
  const base::MonotonicTime now = clock_.monotonic_now();
  const std::lock_guard lock(mutex_);
  return exceeded_ ? std::nullopt : std::optional(rate_.wait(now));
}

bool PublishGate::in_debt() const {
  const base::MonotonicTime now = clock_.monotonic_now();
  const std::lock_guard lock(mutex_);
  return !rate_.open(now);
}

void PublishGate::set_rates(std::uint64_t messages, std::uint64_t bytes) {
  const base::MonotonicTime now = clock_.monotonic_now();
  const std::lock_guard lock(mutex_);
  rate_.messages.set_rate(messages, now);
  rate_.bytes.set_rate(bytes, now);
  note_active();
}

void PublishGate::set_quota_exceeded(std::optional<BacklogAction> action, std::string why) {
  const std::lock_guard lock(mutex_);
  exceeded_ = action;
  why_ = std::move(why);
  note_active();
}

void PublishGate::watch(bool on) {
  const std::lock_guard lock(mutex_);
  watching_ = on;
  note_active();
}

bool PublishGate::take_used() {
  const std::lock_guard lock(mutex_);
  return std::exchange(used_, false);
}

void PublishGate::note_active() {
  paces_ = exceeded_.has_value() || rate_.limited();
  active_ = paces_ || watching_;
}

std::string PublishGate::paused() const {
  const std::lock_guard lock(mutex_);
  return exceeded_ ? why_ : std::string();
}

}  // namespace geminga::broker
