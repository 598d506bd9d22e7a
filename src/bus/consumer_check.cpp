#include "bus/consumer_check.hpp"

#include <fmt/format.h>

#include "base/topic_name.hpp"
#include "base/try.hpp"
#include "bus/message_check.hpp"

namespace geminga::bus {
namespace {

Feature feature_of(SubscriptionType type) {
  switch (type) {
    case SubscriptionType::exclusive:
      return Feature::exclusive_subscription;
    case SubscriptionType::shared:
      return Feature::shared_subscription;
    case SubscriptionType::failover:
      return Feature::failover_subscription;
    case SubscriptionType::key_shared:
      return Feature::key_shared_subscription;
  }
  return Feature::exclusive_subscription;
}

Result<> check_options(const ConsumerOptions& options, bool has_handler) {
  if (options.receiver_queue_size == 0)
    return fail(ErrorCode::invalid_argument, "receiver_queue_size must not be 0");
  if (options.negative_ack_delay.count() < 0 || options.ack_timeout.count() < 0)
    return fail(ErrorCode::invalid_argument, "negative_ack_delay and ack_timeout must not be negative");
  if (options.handler_threads == 0) return fail(ErrorCode::invalid_argument, "handler_threads must not be 0");
  if (!options.hash_ranges.empty() && options.type != SubscriptionType::key_shared)
    return fail(ErrorCode::invalid_argument, "hash_ranges are for key_shared subscriptions");
  if (options.read_compacted && options.type != SubscriptionType::exclusive &&
      options.type != SubscriptionType::failover)
    return fail(ErrorCode::invalid_argument,
                "read_compacted needs an exclusive or failover subscription: it has a meaning in order only");
  if (options.orderly && !has_handler)
    return fail(ErrorCode::invalid_argument, "orderly needs a handler: the bus decides what comes next");
  if (options.orderly && options.type == SubscriptionType::shared)
    return fail(ErrorCode::invalid_argument,
                "orderly on a shared subscription: another consumer may hold the same key; use key_shared");
  return {};
}

/// What a non-persistent topic has sent is nowhere but here.
Result<> check_redelivery(const ConsumerOptions& options) {
  GEMINGA_TRY(const auto topic, base::TopicName::parse(options.topic, ""));
  if (topic.persistent || (!options.dead_letter && options.ack_timeout.count() == 0)) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} is non-persistent: nothing comes again, so there are no dead letters and no "
                          "acknowledgement time-out",
                          options.topic));
}

Result<> check_capabilities(const ConsumerOptions& options, const Capabilities& capabilities) {
  if (options.read_compacted) GEMINGA_TRY_VOID(require_compaction(capabilities, options.topic));
  GEMINGA_TRY_VOID(require(capabilities, feature_of(options.type)));
  if (options.priority != 0) GEMINGA_TRY_VOID(require(capabilities, Feature::consumer_priority));
  if (!options.hash_ranges.empty()) GEMINGA_TRY_VOID(require(capabilities, Feature::key_shared_ranges));
  if (options.dead_letter) GEMINGA_TRY_VOID(require(capabilities, Feature::dead_letters));
  if (options.initial_position == InitialPosition::earliest)
    GEMINGA_TRY_VOID(require(capabilities, Feature::replay_from_earliest));
  return {};
}

}  // namespace

Result<> check_consumer(const ConsumerOptions& options, bool has_handler, const Capabilities& capabilities) {
  GEMINGA_TRY_VOID(check_options(options, has_handler));
  GEMINGA_TRY_VOID(check_redelivery(options));
  return check_capabilities(options, capabilities);
}

}  // namespace geminga::bus
