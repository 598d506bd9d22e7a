#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "broker/compaction/view_search.hpp"
#include "broker/subscription.hpp"
#include "broker/time_search.hpp"
#include "broker/topic.hpp"

/// What differs where the consumers read the topic as it was compacted: entries of the view have holes
/// between them, and what is in a hole is acknowledged by nobody else.
namespace geminga::broker {
namespace {

/// What of [from, end) is not among the entries.
std::vector<storage::EntryRange> holes(EntryId from, EntryId end,
                                       const std::vector<storage::Entry>& entries) {
  std::vector<storage::EntryRange> ranges;
  const auto add = [&](EntryId next) {
    if (from < next) ranges.push_back({.first = from, .last = EntryId{next.value - 1}});
  };
  for (const storage::Entry& entry : entries) {
    if (entry.header.entry >= end) break;
    add(entry.header.entry);
    from = EntryId{entry.header.entry.value + 1};
  }
  add(end);
  return ranges;
}

}  // namespace

void Subscription::read_compacted(const Dispatcher::Want& want) {
  reading_ = true;
  compacted_->read({.topic = topic_.id(), .from = want.from, .entries_max = want.entries_max},
                   [self = shared_from_this(), topic = topic_.shared_from_this(), want,
                    reads = compacted_](Result<CompactedEntries> read) {
                     self->reading_ = false;
                     // Other consumers may have come meanwhile, for whom nothing was compacted away.
                     if (reads != self->compacted_) return self->pump();
                     self->compacted_read_done(want, std::move(read));
                   });
}

void Subscription::compacted_read_done(const Dispatcher::Want& want, Result<CompactedEntries> read) {
  if (shut_down_ || seeking_ > 0) return;
  if (!read) return reading_failed(read.error());
  using What = Dispatcher::Want::What;
  const EntryId asked_for{want.what == What::waiting ? want.from.value + want.entries_max : kNowhere.value};
  const auto gone = holes(want.from, std::min(read->behind, asked_for), read->entries);
  // The search for what is delayed passes by what is out or waits; that is settled where it is.
  acknowledge_missing(want.what == What::delayed ? dispatcher_.nobodys(gone) : gone);
  pumping_ = true;
  dispatcher_.feed_compacted(want, std::move(read->entries), read->behind, context_->now());
  pumping_ = false;
  pump();
}

void Subscription::acknowledge_missing(std::vector<storage::EntryRange> ranges) {
  if (ranges.empty()) return;
  storage::Acknowledge record{.topic = topic_.id(), .subscription = row_.id, .ranges = ranges, .batches = {}};
  submit(std::move(record), [this, ranges = std::move(ranges)](const Result<storage::Receipt>& receipt) {
    if (receipt) {
      dispatcher_.missing(ranges);
      return pump();
    }
    if (shut_down_ || !compacted_) return;
    log::warn("broker", "subscription '{}' of {} still counts {} ranges that were compacted away: {}",
              row_.name, topic_.name(), ranges.size(), receipt.error().message);
    missing_.insert(missing_.end(), ranges.begin(), ranges.end());
    read_again_later();
  });
}

/// By time, where the view has what is sought. Where a compaction ends meanwhile, in the new one.
void Subscription::seek_compacted(Timestamp since, Answer<void> answer) {
  const View view = *topic_.compaction().view();
  find_in_view(
      topic_.shared_from_this(), view,
      [since](const storage::EntryHeader& header) { return header.publish_time < since; },
      [self = shared_from_this(), topic = topic_.shared_from_this(), since, view,
       answer = std::move(answer)](Result<ViewPlace> place) mutable {
        if (topic->compaction().view()->topic != view.topic)
          return self->seek_compacted(since, std::move(answer));
        if (!place) return answer(std::unexpected(place.error()));
        if (place->entry < view.horizon) return self->move_to(place->entry, std::move(answer));
        self->seek_by_time(view.horizon, since, std::move(answer));
      });
}

/// Of what the topic keeps, from `first` on, nothing is too old; what only the view has may be.
void Subscription::expire_compacted(Timestamp before, EntryId first, Answer<void> answer) {
  const View view = *topic_.compaction().view();
  find_in_view(
      topic_.shared_from_this(), view,
      [before](const storage::EntryHeader& header) { return header.publish_time < before; },
      [self = shared_from_this(), topic = topic_.shared_from_this(), before, first, view,
       answer = std::move(answer)](Result<ViewPlace> place) mutable {
        if (topic->compaction().view()->topic != view.topic)
          return self->expire_compacted(before, first, std::move(answer));
        if (!place) return answer(std::unexpected(place.error()));
        self->skip_to(std::min(place->entry, first), std::move(answer));
      });
}

}  // namespace geminga::broker
