#pragma once

#include <cstdint>

#include <geminga/error.hpp>

#include "storage/entry.hpp"
#include "storage/transaction.hpp"

namespace geminga::broker {

/// The compacted view of a topic: another topic of the log, whose entries 0 to `entries` - 1 hold what is
/// left of everything before `horizon`, in order.
struct View {
  storage::TopicId topic;
  EntryId horizon;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;  ///< on the disk
};

/// An entry of a view is an original entry, header and body, as docs/formats/entry.md says. Pure.
storage::Append to_view(const storage::Entry& original, storage::TopicId view);
/// Of a view that has fewer entries than it must.
Error entries_missing(const std::string& topic);
/// The original; it shares the memory of the entry. Errors: corrupted.
Result<storage::Entry> from_view(const storage::Entry& entry);

}  // namespace geminga::broker
