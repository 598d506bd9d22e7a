#include "storage/sent_sequences.hpp"

#include "storage/topic_table.hpp"

namespace geminga::storage {

void DuplicateFinder::end_group() {
  if (!before_persist_) accepted_.clear();
}

bool DuplicateFinder::seen(const Append& append) {
  if ((append.flags & EntryFlags::kDeduplicate) == 0) return false;
  const auto accepted = accepted_.find({append.topic, append.producer});
  if (accepted != accepted_.end() && append.sequence <= accepted->second.sequence) return true;
  const SentSequence* durable = topics_.durable_sequence(append.topic, append.producer);
  if (durable != nullptr && append.sequence <= durable->sequence) return true;
  if (raises_sequence(append))
    accepted_.insert_or_assign({append.topic, append.producer}, Accepted{append.sequence, std::nullopt});
  return false;
}

void DuplicateFinder::placed(const EntryHeader& header) {
  if (!raises_sequence(header)) return;
  const auto accepted = accepted_.find({header.topic, header.producer});
  if (accepted != accepted_.end() && accepted->second.sequence == header.sequence)
    accepted->second.entry = header.entry;
}

std::optional<EntryId> DuplicateFinder::place_of(const Append& append) const {
  const auto accepted = accepted_.find({append.topic, append.producer});
  if (accepted != accepted_.end() && accepted->second.sequence == append.sequence)
    return accepted->second.entry;
  const SentSequence* durable = topics_.durable_sequence(append.topic, append.producer);
  if (durable != nullptr && durable->sequence == append.sequence) return durable->entry;
  return std::nullopt;
}

}  // namespace geminga::storage
