#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "message.hpp"

namespace geminga::sim {

/// What a publication must come to, as it is asked for.
enum class Expected : std::uint8_t {
  stored,            ///< it is new
  duplicate,         ///< at or below what its producer's name sent before: not stored again
  latest_duplicate,  ///< the highest that was sent before, and durable: the answer says where that stands
};

/// What a topic and its clients know of a producer's name.
struct Name {
  std::map<std::uint64_t, Message> sent;          ///< by sequence id; the last few
  std::map<std::uint64_t, std::uint64_t> stored;  ///< sequence id to entry
  std::optional<std::uint64_t> accepted;  ///< the highest that the broker took; until the next restart

  /// The highest that is durable.
  [[nodiscard]] std::optional<std::uint64_t> last() const {
    return stored.empty() ? std::nullopt : std::optional(stored.rbegin()->first);
  }
  /// Asked for: what it must come to.
  Expected ask(std::uint64_t sequence);
  /// Answered: a breach where the answer is not what `expected` says.
  void answered(std::uint64_t sequence, Expected expected, const MessageId& id) const;
};

}  // namespace geminga::sim
