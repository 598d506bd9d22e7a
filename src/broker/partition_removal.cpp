#include "broker/partition_removal.hpp"

#include <utility>

#include "broker/gather.hpp"

namespace geminga::broker {

namespace {

/// The core knows the topic until its drop is written: a refused one is tried again from there.
Answer<void> forgetting(const TopicPtr& topic, Answer<void> answer) {
  return Answer<void>([topic, answer = std::move(answer)](Result<> dropped) mutable {
    topic->core().loop.post([topic] { topic->core().topics.erase(topic->id()); });
    answer(std::move(dropped));
  });
}

}  // namespace

void PartitionRemoval::run() {
  const auto all =
      std::make_shared<Gather>([self = shared_from_this()](Result<> each) { self->begun(std::move(each)); });
  for (const TopicPtr& topic : plan_.partitions) {
    topic->core().loop.post([self = shared_from_this(), topic, part = all->part()]() mutable {
      auto begun = topic->begin_removal(self->plan_.force);
      if (begun) {
        const std::lock_guard lock(self->mutex_);
        self->begun_.push_back(topic);
      }
      part(std::move(begun));
    });
  }
}

void PartitionRemoval::begun(Result<> all) {
  if (!all) return cancel(std::move(all));
  std::vector<storage::TopicId> ids;
  for (const TopicPtr& topic : plan_.partitions) ids.push_back(topic->id());
  context_->metadata->tombstone_partitioned_topic(
      plan_.name, std::move(ids),
      [self = shared_from_this()](Result<> stored) { self->tombstoned(std::move(stored)); });
}

void PartitionRemoval::tombstoned(Result<> stored) {
  if (!stored) return cancel(std::move(stored));
  plan_.gone();
  const auto all = std::make_shared<Gather>(
      [self = shared_from_this()](Result<> each) { self->answer_(std::move(each)); });
  for (const TopicPtr& topic : plan_.partitions) {
    topic->core().loop.post(
        [topic, part = all->part()]() mutable { topic->finish_removal(forgetting(topic, std::move(part))); });
  }
}

void PartitionRemoval::cancel(Result<> refused) {
  {
    const std::lock_guard lock(mutex_);
    for (const TopicPtr& topic : begun_) topic->cancel_removal();
  }
  answer_(std::move(refused));
}

}  // namespace geminga::broker
