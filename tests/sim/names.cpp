#include "names.hpp"

#include "breach.hpp"
#include "storage/entry.hpp"

namespace geminga::sim {

Expected Name::ask(std::uint64_t sequence) {
  const auto before = accepted;
  if (before && sequence <= *before)
    return before == sequence && last() == before ? Expected::latest_duplicate : Expected::duplicate;
  accepted = sequence;
  return Expected::stored;
}

void Name::answered(std::uint64_t sequence, Expected expected, const MessageId& id) const {
  const bool known = id.entry != storage::kUnknownEntry;
  if (expected == Expected::stored) {
    if (!known) breach("sequence id {} is new and was taken for a duplicate", sequence);
    return;
  }
  if (!last() || *last() < sequence)
    breach("sequence id {} was answered as a duplicate before the first was durable", sequence);
  const auto first = stored.find(sequence);
  if (!known && expected == Expected::duplicate) return;
  if (first == stored.end() || !known || id.entry.value != first->second)
    breach("sequence id {} was stored at {} and its duplicate is answered with {}", sequence,
           first == stored.end() ? -1 : static_cast<std::int64_t>(first->second), id.to_string());
}

}  // namespace geminga::sim
