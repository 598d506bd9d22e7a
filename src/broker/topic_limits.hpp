#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include <geminga/policies.hpp>

#include "broker/context.hpp"
#include "broker/publish_gate.hpp"
#include "broker/schemas/verdict.hpp"
#include "broker/token_bucket.hpp"

namespace geminga::broker {

class Subscription;

/// What decides whether policies have something to do with a topic that nobody uses.
struct UnusedTopic {
  bool subscriptions = false;
  bool backlog = false;
  bool partition = false;
  bool keeps_for_ever = false;  ///< retention without a limit of time
};
/// With time alone: something may expire, or the topic may be deleted as inactive.
[[nodiscard]] bool need_clock(const Policies& in_force, const UnusedTopic& topic);

/// What the policies of a topic ask for: expiry, backlog quota, rates, numbers, and its end when nobody needs
/// it. A topic without policies has next to nothing of it: there may be 100,000 of them. On the topic's core,
/// except where said.
class TopicLimits {
 public:
  explicit TopicLimits(Topic& topic);
  ~TopicLimits();

  void set(const Policies& own, const Policies& of_namespace);
  /// Its first part, for a topic that nobody else has yet: sends are limited, the backlog is not looked at.
  /// False: there is nothing to do. Any thread.
  bool prepare(const Policies& own, const Policies& of_namespace);
  [[nodiscard]] const Policies& own() const;
  [[nodiscard]] Durability durability() const { return in_force().durability.value_or(Durability{}); }
  [[nodiscard]] SchemaPolicy schemas() const { return schema_policy(in_force()); }
  /// Looks at age and size of the backlog and lets go what was held and may pass. From time to time.
  void tick();
  /// tick() or inactive() may have something to do later though nobody uses the topic, or a rate was spent in
  /// advance: then it is to be known here until that is over.
  [[nodiscard]] bool needs_clock() const;
  void shut_down();

  // --- rates ---
  /// What stands between who publishes and the log; made when it is first asked for.
  const std::shared_ptr<PublishGate>& gate();
  /// The same where it was made; else null, and nothing is limited. Any thread.
  [[nodiscard]] PublishGate* gate_if_made() const { return made_gate_.load(std::memory_order_acquire); }
  [[nodiscard]] RateLimit& dispatch_rate() { return dispatch_; }
  /// Which subscription is sent to first where they share a rate (behind the last one: the readers).
  [[nodiscard]] std::size_t dispatch_turn() const;
  void set_dispatch_turn(std::size_t turn);
  /// Where the dispatch rate allows nothing now, all are pumped again when it does.
  void wait_for_dispatch(base::MonotonicTime now);
  /// Something is held: tries again when it may pass.
  void release_held();

  [[nodiscard]] std::optional<DelayOnOrdered> delay_on_ordered() const { return in_force().delay_on_ordered; }

  // --- numbers: is there room for one more? ---
  [[nodiscard]] Result<> check_producers() const;      ///< errors: producer_busy
  [[nodiscard]] Result<> check_consumers() const;      ///< errors: consumer_busy
  [[nodiscard]] Result<> check_subscriptions() const;  ///< errors: conflict

  // --- inactivity ---
  void note_used();
  /// Nobody used the topic for the time that its policy says.
  [[nodiscard]] bool inactive();

 private:
  struct State;
  [[nodiscard]] const Policies& in_force() const;
  [[nodiscard]] EntryId kept_backlog() const;
  void look_at_size();
  void look_at_age();
  void saw_oldest(Timestamp published);
  void expire_before(EntryId before);
  void skip(Subscription& subscription, EntryId before);
  void read_oldest(EntryId entry);
  void update_gate();

  Topic& topic_;  ///< owns this
  RateLimit dispatch_;
  std::shared_ptr<PublishGate> gate_;
  std::atomic<PublishGate*> made_gate_{nullptr};
  std::unique_ptr<State> state_;  ///< null until a policy is set
};

}  // namespace geminga::broker
