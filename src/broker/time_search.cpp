#include "broker/time_search.hpp"

#include <algorithm>

#include "broker/topic.hpp"

namespace geminga::broker {
namespace {

/// Steps hop to the core for each answer.
class TimeSearch : public std::enable_shared_from_this<TimeSearch> {
 public:
  using Found = std::move_only_function<void(Result<EntryId>)>;
  TimeSearch(TopicPtr topic, EntryId low, EntryId high, Timestamp since, Found found)
      : topic_(std::move(topic)), low_(low), high_(high), since_(since), found_(std::move(found)) {}

  void step() {
    if (low_ >= high_) return found_(low_);
    const EntryId middle{low_.value + (high_.value - low_.value) / 2};
    topic_->context()->log->read(
        {.topic = topic_->id(), .from = middle, .entries_max = 1},
        [self = shared_from_this(), middle](Result<std::vector<storage::Entry>> entries) {
          self->topic_->core().loop.post(
              [self, middle, entries = std::move(entries)] { self->narrow(middle, entries); });
        });
  }

 private:
  void narrow(EntryId middle, const Result<std::vector<storage::Entry>>& entries) {
    if (!entries) return found_(std::unexpected(entries.error()));
    if (entries->empty()) return found_(low_);  // all of it was trimmed meanwhile
    if (entries->front().header.publish_time < since_) {
      low_ = EntryId{std::max(middle, entries->front().header.entry).value + 1};
    } else {
      high_ = middle;
    }
    step();
  }

  const TopicPtr topic_;
  EntryId low_;
  EntryId high_;
  const Timestamp since_;
  Found found_;
};

}  // namespace

void find_by_time(const TopicPtr& topic, EntryId low, EntryId high, Timestamp since,
                  std::move_only_function<void(Result<EntryId>)> found) {
  std::make_shared<TimeSearch>(topic, low, high, since, std::move(found))->step();
}

}  // namespace geminga::broker
