#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <geminga/policies.hpp>

namespace geminga::cli {

/// Budgets of the embedded engine under `serve`, and what its topics have that say nothing themselves; see
/// broker::BrokerOptions.
struct EmbeddedSettings {
  std::uint64_t delay_index_bytes = 32ULL << 20;  ///< broker::BrokerOptions::delayed_bytes_max
  std::uint64_t unacked_per_subscription_max = 200'000;
  std::uint64_t unacked_per_consumer_max = 50'000;
  Policies default_policies;
  RetentionPolicy default_retention;
  bool operator==(const EmbeddedSettings&) const = default;
};

/// Of the door for Pulsar's clients; see doors::PulsarDoorOptions.
struct PulsarSettings {
  std::uint32_t message_bytes_max = 5U << 20;
  std::chrono::seconds keep_alive{30};
  std::chrono::milliseconds liveness_timeout{5'000};
  std::size_t connections_max = 10'000;
  bool creates_topics = true;
  bool operator==(const PulsarSettings&) const = default;
};

}  // namespace geminga::cli
