#include "storage/cursor.hpp"

#include <algorithm>
#include <limits>

#include "base/assert.hpp"

namespace geminga::storage {
namespace {

constexpr std::uint64_t kLastEntry = std::numeric_limits<std::uint64_t>::max();

void add_range(EntryRange range, CursorState& cursor) {
  if (range.last.value == kLastEntry) range.last.value -= 1;  // so that last + 1 exists
  if (range.last < cursor.next) return;
  range.first = std::max(range.first, cursor.next);
  auto& ranges = cursor.acknowledged;
  // The first range that touches or lies behind the new one.
  auto from = std::lower_bound(
      ranges.begin(), ranges.end(), range.first,
      [](const EntryRange& have, EntryId first) { return have.last.value + 1 < first.value; });
  auto until = from;
  while (until != ranges.end() && until->first.value <= range.last.value + 1) {
    range.first = std::min(range.first, until->first);
    range.last = std::max(range.last, until->last);
    ++until;
  }
  if (from == until) {
    from = ranges.insert(from, range);
  } else {
    *from = range;
    ranges.erase(from + 1, until);
  }
  if (ranges.front().first == cursor.next) {
    cursor.next = EntryId{ranges.front().last.value + 1};
    ranges.erase(ranges.begin());
  }
}

bool covers(const CursorState& cursor, EntryId entry) {
  if (entry < cursor.next) return true;
  const auto& ranges = cursor.acknowledged;
  const auto behind = std::upper_bound(ranges.begin(), ranges.end(), entry,
                                       [](EntryId id, const EntryRange& have) { return id < have.first; });
  return behind != ranges.begin() && std::prev(behind)->last >= entry;
}

void add_batch(const BatchAck& batch, CursorState& cursor) {
  if (covers(cursor, batch.entry)) return;
  auto& batches = cursor.batches;
  auto at = std::lower_bound(batches.begin(), batches.end(), batch.entry,
                             [](const BatchAck& have, EntryId entry) { return have.entry < entry; });
  if (at == batches.end() || at->entry != batch.entry) {
    batches.insert(at, batch);
    return;
  }
  at->acknowledged.resize(std::max(at->acknowledged.size(), batch.acknowledged.size()));
  for (std::size_t i = 0; i < batch.acknowledged.size(); ++i) at->acknowledged[i] |= batch.acknowledged[i];
}

}  // namespace

void apply_acknowledge(const Acknowledge& acknowledge, CursorState& cursor) {
  for (const EntryRange& range : acknowledge.ranges) {
    GEMINGA_ASSERT(range.first <= range.last);
    add_range(range, cursor);
  }
  for (const BatchAck& batch : acknowledge.batches) add_batch(batch, cursor);
  if (!cursor.batches.empty() && !acknowledge.ranges.empty())
    std::erase_if(cursor.batches, [&](const BatchAck& batch) { return covers(cursor, batch.entry); });
}

}  // namespace geminga::storage
