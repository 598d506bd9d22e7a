#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <geminga/export.hpp>

namespace geminga {

/// What an application may ask an engine for. Adding one: a row here, a row in every engine's table, a
/// conformance scenario.
enum class Feature : std::uint8_t {
  order_per_key,
  shared_subscription,
  exclusive_subscription,
  failover_subscription,
  key_shared_subscription,
  key_shared_ranges,
  consumer_priority,
  negative_acknowledgement,
  cumulative_acknowledgement,
  redelivery_count,
  dead_letters,
  delayed_delivery,
  deduplicate_own_resends,
  deduplicate_by_application_id,
  replay_from_earliest,
  reader,
  seek,
  atomic_forward,
  durable_acknowledgement,
  authentication,
  exclusive_producer,
  topic_policies,
  topic_termination,
  non_persistent_topics,
  partitioned_topics,
  topic_compaction,
};
inline constexpr std::size_t kFeatureCount = 26;

/// native: the engine does it. emulated: the bus does it above the engine. impossible: refused with the
/// reason, never ignored.
enum class Support : std::uint8_t { native, emulated, impossible };

struct Capability {
  Support support = Support::impossible;
  std::string reason;  ///< how it is done, or why it cannot be
};

/// One row per feature. A call that needs an impossible one fails with unsupported_by_engine and this reason.
class Capabilities {
 public:
  [[nodiscard]] const Capability& of(Feature feature) const {
    return rows_[static_cast<std::size_t>(feature)];
  }
  void set(Feature feature, Support support, std::string reason) {
    rows_[static_cast<std::size_t>(feature)] = Capability{support, std::move(reason)};
  }

 private:
  std::array<Capability, kFeatureCount> rows_{};
};

GEMINGA_API std::string_view to_string(Feature feature) noexcept;
GEMINGA_API std::string_view to_string(Support support) noexcept;

}  // namespace geminga
