#include <geminga/capabilities.hpp>

namespace geminga {

std::string_view to_string(Feature feature) noexcept {
  constexpr std::array<std::string_view, kFeatureCount> kNames = {
      "order_per_key",
      "shared_subscription",
      "exclusive_subscription",
      "failover_subscription",
      "key_shared_subscription",
      "key_shared_ranges",
      "consumer_priority",
      "negative_acknowledgement",
      "cumulative_acknowledgement",
      "redelivery_count",
      "dead_letters",
      "delayed_delivery",
      "deduplicate_own_resends",
      "deduplicate_by_application_id",
      "replay_from_earliest",
      "reader",
      "seek",
      "atomic_forward",
      "durable_acknowledgement",
      "authentication",
      "exclusive_producer",
      "topic_policies",
      "topic_termination",
      "non_persistent_topics",
      "partitioned_topics",
      "topic_compaction",
  };
  static_assert(static_cast<std::size_t>(Feature::topic_compaction) + 1 == kFeatureCount);
  return kNames[static_cast<std::size_t>(feature)];
}

std::string_view to_string(Support support) noexcept {
  switch (support) {
    case Support::native:
      return "native";
    case Support::emulated:
      return "emulated";
    case Support::impossible:
      return "impossible";
  }
  return "impossible";
}

}  // namespace geminga
