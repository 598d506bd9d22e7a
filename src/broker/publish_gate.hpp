#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include <geminga/error.hpp>
#include <geminga/policies.hpp>

#include "broker/token_bucket.hpp"

namespace geminga::broker {

struct PublishSize {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

/// What stands between those who publish to a topic and the log: its publish rate, its backlog quota, and the
/// note that somebody published. Where no policy asks for it, it costs one load. Any thread.
class PublishGate {
 public:
  /// `on_held` is called when something has to wait where nothing waited before.
  PublishGate(const base::Clock& clock, std::function<void()> on_held)
      : clock_(clock), on_held_(std::move(on_held)) {}

  [[nodiscard]] bool active() const { return active_.load(std::memory_order_relaxed); }
  /// A rate, or a backlog over its quota.
  [[nodiscard]] bool paces() const { return paces_.load(std::memory_order_relaxed); }
  /// What producers number is stored once.
  [[nodiscard]] bool deduplicates() const { return deduplicates_.load(std::memory_order_relaxed); }
  void set_deduplicates(bool on) { deduplicates_ = on; }
  enum class Verdict : std::uint8_t { go, hold };
  /// Go: it is counted. Errors: backlog_quota_exceeded.
  Result<Verdict> admit(const PublishSize& size) {
    if (!active()) return Verdict::go;
    return decide(size);
  }
  /// For what cannot wait, as a forward that is one record with its acknowledgement: over the rate it is
  /// refused. Errors: backlog_quota_exceeded, overloaded.
  [[nodiscard]] Result<> admits_at_once() const;
  /// It goes, and is counted; what others took since it was asked is waited off.
  void count(const PublishSize& size);
  void held() { on_held_(); }
  /// Errors: backlog_quota_exceeded, while sends are refused; with `or_holds` backlog_quota_waits, while they
  /// are held for the quota.
  [[nodiscard]] Result<> refuses(bool or_holds = false) const;
  /// When the rate lets through what is held now; nothing: that depends on the backlog.
  [[nodiscard]] std::optional<std::chrono::milliseconds> wait() const;

  /// More was let through than the rate had: nothing passes until that is waited off.
  [[nodiscard]] bool in_debt() const;

  void set_rates(std::uint64_t messages, std::uint64_t bytes);
  /// The backlog is over its quota, and what follows from that; nothing: it is not.
  void set_quota_exceeded(std::optional<BacklogAction> action, std::string why);
  /// From now on it notes that something was admitted.
  void watch(bool on);
  /// Whether something was admitted since the last call.
  bool take_used();
  /// Empty, or why sends are held or refused.
  [[nodiscard]] std::string paused() const;

 private:
  Result<Verdict> decide(const PublishSize& size);
  [[nodiscard]] std::unexpected<Error> refusal() const;
  void note_active();

  const base::Clock& clock_;
  const std::function<void()> on_held_;
  std::atomic<bool> active_{false};  ///< anything below says so
  std::atomic<bool> paces_{false};
  std::atomic<bool> deduplicates_{false};
  mutable std::mutex mutex_;  // guards what follows
  RateLimit rate_;
  std::optional<BacklogAction> exceeded_;
  std::string why_;
  bool watching_ = false;
  bool used_ = false;
};

}  // namespace geminga::broker
