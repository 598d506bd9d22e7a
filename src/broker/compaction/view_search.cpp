#include "broker/compaction/view_search.hpp"

#include <utility>

#include "broker/topic.hpp"

namespace geminga::broker {
namespace {

/// By halves; steps hop to the core for each answer.
class ViewSearch : public std::enable_shared_from_this<ViewSearch> {
 public:
  using Before = std::function<bool(const storage::EntryHeader&)>;
  using Found = std::move_only_function<void(Result<ViewPlace>)>;
  ViewSearch(TopicPtr topic, const View& view, Before before, Found found)
      : topic_(std::move(topic)),
        view_(view.topic),
        place_{.index = view.entries, .entry = view.horizon},
        before_(std::move(before)),
        found_(std::move(found)) {}

  void step() {
    if (low_ >= place_.index) {
      topic_->core().loop.post([self = shared_from_this()] { self->found_(self->place_); });
      return;
    }
    const std::uint64_t middle = low_ + (place_.index - low_) / 2;
    topic_->context()->log->read(
        {.topic = view_, .from = EntryId{middle}, .entries_max = 1},
        [self = shared_from_this(), middle](Result<std::vector<storage::Entry>> entries) {
          self->topic_->core().loop.post([self, middle, entries = std::move(entries)] {
            if (auto narrowed = self->narrow(middle, entries); !narrowed)
              return self->found_(std::unexpected(narrowed.error()));
            self->step();
          });
        });
  }

 private:
  Result<> narrow(std::uint64_t middle, const Result<std::vector<storage::Entry>>& entries) {
    if (!entries) return std::unexpected(entries.error());
    if (entries->empty()) return std::unexpected(entries_missing(topic_->name()));
    const auto original = from_view(entries->front());
    if (!original) return std::unexpected(original.error());
    if (before_(original->header)) {
      low_ = middle + 1;
    } else {
      place_ = {.index = middle, .entry = original->header.entry};
    }
    return {};
  }

  const TopicPtr topic_;
  const storage::TopicId view_;
  std::uint64_t low_ = 0;
  ViewPlace place_;  ///< the best so far
  const Before before_;
  Found found_;
};

}  // namespace

void find_in_view(const TopicPtr& topic, const View& view,
                  std::function<bool(const storage::EntryHeader&)> before,
                  std::move_only_function<void(Result<ViewPlace>)> found) {
  std::make_shared<ViewSearch>(topic, view, std::move(before), std::move(found))->step();
}

}  // namespace geminga::broker
