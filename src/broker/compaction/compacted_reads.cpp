#include "broker/compaction/compacted_reads.hpp"

#include <algorithm>
#include <utility>

#include "base/try.hpp"
#include "broker/read_check.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {
namespace {

auto before(EntryId entry) {
  return [entry](const storage::EntryHeader& header) { return header.entry < entry; };
}

}  // namespace

bool CompactedReads::covers(EntryId from) const {
  const View* view = topic_.compaction().view();
  return view != nullptr && from < view->horizon;
}

bool CompactedReads::in_use(storage::TopicId view) const {
  const View* used = topic_.compaction().view();
  return used != nullptr && used->topic == view;
}

void CompactedReads::read(const storage::ReadRequest& request, Done done) {
  const View& view = *topic_.compaction().view();
  if (next_ && next_->view == view.topic && next_->from == request.from)
    return read_at(next_->index, view.topic, request, std::move(done));
  find_in_view(topic_.shared_from_this(), view, before(request.from),
               [self = shared_from_this(), topic = topic_.shared_from_this(), view = view.topic, request,
                done = std::move(done)](Result<ViewPlace> place) mutable {
                 if (!self->in_use(view)) return self->read(request, std::move(done));
                 if (!place) return done(std::unexpected(place.error()));
                 self->read_at(place->index, view, request, std::move(done));
               });
}

void CompactedReads::read_at(std::uint64_t index, storage::TopicId view, const storage::ReadRequest& request,
                             Done done) {
  storage::ReadRequest of_view = request;
  of_view.topic = view;
  of_view.from = EntryId{index};
  topic_.context()->log->read(
      of_view, [self = shared_from_this(), topic = topic_.shared_from_this(), index, view, request,
                done = std::move(done)](Result<std::vector<storage::Entry>> entries) mutable {
        topic->core().loop.post([self, topic, index, view, request, done = std::move(done),
                                 entries = std::move(entries)]() mutable {
          // It was replaced and dropped meanwhile: the one in its place covers as much.
          if (!self->in_use(view)) return self->read(request, std::move(done));
          done(self->take(std::move(entries), index));
        });
      });
}

Result<CompactedEntries> CompactedReads::take(Result<std::vector<storage::Entry>> given,
                                              std::uint64_t index) {
  GEMINGA_TRY(const auto entries, without_holes(std::move(given)));
  const View& view = *topic_.compaction().view();
  if (entries.empty() ? index < view.entries : entries.front().header.entry.value != index)
    return std::unexpected(entries_missing(topic_.name()));
  CompactedEntries taken;
  for (const storage::Entry& entry : entries) {
    GEMINGA_TRY(auto original, from_view(entry));
    taken.entries.push_back(std::move(original));
  }
  const std::uint64_t next = index + taken.entries.size();
  taken.behind = next < view.entries ? EntryId{taken.entries.back().header.entry.value + 1} : view.horizon;
  next_ = Next{.view = view.topic, .from = taken.behind, .index = next};
  return taken;
}

void CompactedReads::has_more(EntryId from, std::move_only_function<void(Result<bool>)> done) {
  if (!covers(from)) return done(std::max(from, topic_.first()) < topic_.end());
  const View& view = *topic_.compaction().view();
  if (view.horizon < topic_.end()) return done(true);
  find_in_view(topic_.shared_from_this(), view, before(from),
               [self = shared_from_this(), topic = topic_.shared_from_this(), view = view.topic, from,
                done = std::move(done)](Result<ViewPlace> place) mutable {
                 if (!self->in_use(view)) return self->has_more(from, std::move(done));
                 if (!place) return done(std::unexpected(place.error()));
                 done(place->entry < self->topic_.compaction().view()->horizon);
               });
}

}  // namespace geminga::broker
