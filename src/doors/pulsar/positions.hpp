#pragma once

#include <limits>

#include <geminga/types.hpp>

#include "wire/pulsar/types.hpp"

namespace geminga::doors::pulsar {

[[nodiscard]] inline MessageId id_of(const ::geminga::wire::pulsar::MessageIdData& id) {
  return {.ledger = LedgerId{id.ledger_id}, .entry = EntryId{id.entry_id}};
}

/// What a client means by an id: both ends of a topic have ids of their own.
[[nodiscard]] inline SeekTarget target_of(const ::geminga::wire::pulsar::MessageIdData& id) {
  constexpr auto kLatest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  constexpr auto kEarliest = ~std::uint64_t{0};
  if (id.ledger_id == kEarliest || id.entry_id == kEarliest) return InitialPosition::earliest;
  if (id.ledger_id >= kLatest) return InitialPosition::latest;
  return id_of(id);
}

}  // namespace geminga::doors::pulsar
