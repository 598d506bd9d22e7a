#pragma once

#include <array>
#include <map>
#include <memory>

#include "base/event_loop.hpp"
#include "orchestrator/services/intakes.hpp"

namespace geminga::orchestrator {

/// The tier topic of the retry that follows this attempt (0-based).
constexpr TopicRole retry_tier(std::uint32_t failed_attempt) {
  return failed_attempt == 0 ? TopicRole::first_retry : TopicRole::later_retry;
}

/// Keeps the retries of the tier topics until they are due, then sends each on to the tool signals (or
/// webhooks) and acknowledges it, in one step of the bus and in its namespace. Each carries the time at which
/// it is due: one that waits long holds up no other, and a restart changes nothing. Where there are more than
/// may stand in memory, those that are due last stay on the bus.
class RetryWorker : public std::enable_shared_from_this<RetryWorker> {
 public:
  /// What waits in memory at once; more of them stay on the bus and come again.
  static constexpr IntakeLimits kKept{.deliveries = 20'000, .bytes = 256U << 20U};
  explicit RetryWorker(std::shared_ptr<Core> core, IntakeLimits kept = kKept);

  /// Consumes the tiers where retries go through them, else only those that still hold some of before.
  Result<> consume();
  /// What waits stays in its topic.
  void stop();
  [[nodiscard]] const std::array<std::shared_ptr<Intakes>, 2>& tiers() const { return tiers_; }

 private:
  void work(const Item& item);
  void send(const Item& item) const;
  // The core's loop:
  void keep(Timestamp due, const Item& item);
  [[nodiscard]] bool holds_too_much() const;
  Item take(std::multimap<Timestamp, Item>::iterator at);
  void send_due();
  void arm();

  const std::shared_ptr<Core> core_;
  const IntakeLimits kept_;
  const std::array<std::shared_ptr<Intakes>, 2> tiers_;
  // The core's loop:
  std::multimap<Timestamp, Item> waiting_;  // by the time at which they are due
  std::size_t bytes_ = 0;                   // of their bodies
  std::unique_ptr<base::Timer> timer_;
};

}  // namespace geminga::orchestrator
