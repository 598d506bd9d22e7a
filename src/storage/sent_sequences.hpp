#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "storage/entry.hpp"
#include "storage/transaction.hpp"

namespace geminga::storage {

class TopicTable;

/// What is durable of one producer's name in a topic: the highest sequence id of an entry with
/// EntryFlags::kDeduplicate, where that entry stands, and when it came.
struct SentSequence {
  std::uint64_t sequence = 0;
  EntryId entry;
  Timestamp publish_time{};
  bool operator==(const SentSequence&) const = default;
};
/// By hash of the producer's name.
using SentSequences = std::map<std::uint64_t, SentSequence>;

/// A topic keeps so many names, and a name so long after its producer was last seen. A name whose producer is
/// connected stays whatever they say.
inline constexpr std::size_t kSentSequencesMax = 10'000;
inline constexpr std::chrono::hours kSentSequenceIdle{6};

/// Whether an entry raises the number of its producer. Of the chunks of a message the last one does.
template <class HeaderOrAppend>
bool raises_sequence(const HeaderOrAppend& entry) {
  if ((entry.flags & EntryFlags::kDeduplicate) == 0) return false;
  return (entry.flags & EntryFlags::kChunk) == 0 || entry.chunk_index + 1 >= entry.chunk_count;
}

/// Finds what was stored before. One group forms or is in flight at a time, so "accepted" are the appends of
/// the group that forms, and everything else is durable in the table or was refused. Journal thread only.
class DuplicateFinder {
 public:
  /// `before_persist`: what was seen once counts as stored, as it must not.
  DuplicateFinder(const TopicTable& topics, bool before_persist)
      : topics_(topics), before_persist_(before_persist) {}

  /// What was accepted for this group is durable, or the log has ended, before anything more is asked.
  void end_group();
  /// True when the append is stored or accepted already; else it counts as accepted from now on.
  bool seen(const Append& append);
  /// An accepted append got its place.
  void placed(const EntryHeader& header);
  /// Where the entry with exactly this sequence id stands, if that is known.
  [[nodiscard]] std::optional<EntryId> place_of(const Append& append) const;

 private:
  struct Accepted {
    std::uint64_t sequence = 0;
    std::optional<EntryId> entry;
  };
  const TopicTable& topics_;
  const bool before_persist_;
  std::map<std::pair<TopicId, std::uint64_t>, Accepted> accepted_;
};

}  // namespace geminga::storage
