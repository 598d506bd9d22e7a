#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "broker/broker.hpp"
#include "broker/key_order.hpp"

namespace geminga::broker {

/// One consumer as its dispatcher sees it.
struct Recipient {
  std::string name;
  std::uint32_t priority = 0;  ///< lower is served first
  /// Permits that are left. One entry may hold several messages or many bytes, so both may fall below zero.
  std::int64_t messages = 0;
  std::int64_t bytes = 0;
  std::uint64_t unacked_max = 0;             ///< messages; 0: no limit of its own
  std::chrono::milliseconds ack_timeout{0};  ///< 0: never
  bool stopped = false;                      ///< nothing more is sent to it
  std::uint64_t unacked = 0;                 ///< messages that are out with it
  // Since it connected:
  std::uint64_t messages_out = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t redelivered = 0;

  [[nodiscard]] bool blocked_on_unacked() const { return unacked_max != 0 && unacked >= unacked_max; }
  [[nodiscard]] bool can_take() const {
    return messages > 0 && bytes > 0 && !stopped && !blocked_on_unacked();
  }
};

/// Errors: invalid_argument (ranges of hashes that are out of bounds, overlap, or are for another type).
Result<> check_hash_ranges(const SubscribeOptions& options);
/// Errors: invalid_argument (on a subscription that is shared).
Result<> check_read_compacted(const SubscribeOptions& options);

/// The consumers of one subscription: whose turn it is, and which one is active. Pure.
class Recipients {
 public:
  using Map = std::map<ConsumerNumber, Recipient>;

  /// `partition`: of the topic, -1 where it has none; it spreads the active consumers over the partitions.
  explicit Recipients(std::int32_t partition) : partition_(partition) {}

  void add(ConsumerNumber number, Recipient recipient);
  void remove(ConsumerNumber number);
  /// Nothing when it has gone.
  [[nodiscard]] Recipient* find(ConsumerNumber number);
  [[nodiscard]] const Recipient* find(ConsumerNumber number) const;
  [[nodiscard]] const Map& all() const { return all_; }

  /// The one that gets everything on Exclusive and Failover; 0: there is none. Of those with the lowest
  /// priority number it is the one that has been connected for longest; with partitions number `partition`
  /// of them by name, going round.
  [[nodiscard]] ConsumerNumber active() const { return active_; }
  /// Shared: the next in turn, among those that can take and of these among the lowest priority number; 0:
  /// nobody can take.
  [[nodiscard]] ConsumerNumber next_in_turn();

 private:
  void choose_active();

  const std::int32_t partition_;
  Map all_;
  ConsumerNumber active_ = 0;
  ConsumerNumber last_turn_ = 0;
};

}  // namespace geminga::broker
