#pragma once

#include <cstdint>

namespace geminga::cli {

/// Budgets of the embedded engine under `serve`.
struct EmbeddedSettings {
  std::uint64_t delay_index_bytes = 32ULL << 20;  ///< broker::BrokerOptions::delayed_bytes_max
  bool operator==(const EmbeddedSettings&) const = default;
};

}  // namespace geminga::cli
