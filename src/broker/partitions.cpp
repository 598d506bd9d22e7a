#include <fmt/format.h>

#include "base/partition_name.hpp"
#include "broker/broker_impl.hpp"
#include "broker/partition_growth.hpp"
#include "broker/partition_removal.hpp"

/// Partitioned topics: their names are here, their messages in topics like any other.
namespace geminga::broker {

std::uint32_t BrokerImpl::partitions(const std::string& name) const {
  return partition_table_.count(name);
}

PartitionWatch BrokerImpl::watch_partitions(const std::string& name, PartitionCallback changed) {
  return partition_table_.watch(name, std::move(changed));
}

std::vector<PartitionedTopic> BrokerImpl::partitioned_topics(const std::string& tenant_and_namespace) const {
  return partition_table_.with_prefix("persistent://" + tenant_and_namespace + "/");
}

std::int32_t BrokerImpl::partition_of(const std::string& topic) const {
  const auto part = base::split_partition_name(topic);
  return part && partition_table_.count(part->topic) > 0 ? static_cast<std::int32_t>(part->partition) : -1;
}

void BrokerImpl::in_turn(std::move_only_function<void(Turn)> change) {
  {
    const std::lock_guard lock(mutex_);
    partition_changes_.push_back(std::move(change));
    if (std::exchange(partitions_change_, true)) return;
  }
  next_partition_change();
}

void BrokerImpl::next_partition_change() {
  std::move_only_function<void(Turn)> change;
  {
    const std::lock_guard lock(mutex_);
    if (partition_changes_.empty()) {
      partitions_change_ = false;
      return;
    }
    change = std::move(partition_changes_.front());
    partition_changes_.pop_front();
  }
  change(Turn(nullptr, [this](void*) { next_partition_change(); }));
}

void BrokerImpl::create_partitioned_topic(std::string name, std::uint32_t partitions, Done<void> done) {
  if (VolatileTopics::names(name)) return done(VolatileTopics::keeps_nothing(name));
  if (auto good = base::check_partitioned(name, partitions); !good) return done(std::move(good));
  in_turn([this, name, partitions, answer = Answer<void>(std::move(done))](Turn turn) mutable {
    auto create = [this, name, partitions, turn, answer = std::move(answer)](Result<> made) mutable {
      if (!made) return answer(std::move(made));
      context_->metadata->create_partitioned_topic(name, partitions,
                                                   [this, name, partitions, turn, answer = std::move(answer)](
                                                       Result<std::vector<storage::TopicRow>> rows) mutable {
                                                     if (!rows) return answer(std::unexpected(rows.error()));
                                                     reveal(name, partitions, adopt(*std::move(rows), {}));
                                                     answer(Result<>{});
                                                   });
    };
    make_namespace(name, std::move(create));
  });
}

void BrokerImpl::grow_partitions(std::string name, std::uint32_t partitions, Done<void> done) {
  if (auto good = base::check_partitioned(name, partitions); !good) return done(std::move(good));
  in_turn([this, name, partitions, answer = Answer<void>(std::move(done))](Turn turn) mutable {
    const std::uint32_t before = partition_table_.count(name);
    const TopicPtr first = find(base::partition_name(name, 0));
    if (before == 0 || !first) {
      return answer(find(name) ? fail(ErrorCode::conflict,
                                      fmt::format("{} was made without partitions and cannot get any", name))
                               : fail(ErrorCode::topic_not_found,
                                      fmt::format("there is no partitioned topic {}", name)));
    }
    if (partitions < before) {
      return answer(fail(ErrorCode::invalid_argument,
                         fmt::format("{} has {} partitions; {} would be fewer, and what is in the others "
                                     "would be lost",
                                     name, before, partitions)));
    }
    if (partitions == before) return answer(Result<>{});
    if (first->terminated()) return answer(std::unexpected(first->check_publishable().error()));
    auto finish = [turn, answer = std::move(answer)](Result<> result) mutable { answer(std::move(result)); };
    std::make_shared<PartitionGrowth>(
        context_,
        PartitionGrowth::Plan{
            .name = name,
            .partitions = partitions,
            .first = first,
            .adopt = [this](std::vector<storage::TopicRow> rows,
                            const Policies& policies) { return adopt(std::move(rows), policies); },
            .reveal = [this, name, partitions](
                          const std::vector<TopicPtr>& topics) { reveal(name, partitions, topics); }},
        Answer<void>(std::move(finish)))
        ->run();
  });
}

/// On their cores before anybody gets them, so that no durable entry passes them by; in the lists by
/// reveal(), until then only an interrupted growth knows them.
std::vector<TopicPtr> BrokerImpl::adopt(std::vector<storage::TopicRow> rows, const Policies& policies) {
  std::vector<TopicPtr> topics;
  {
    const std::lock_guard lock(mutex_);
    for (storage::TopicRow& row : rows) {
      TopicPtr& topic = hidden_[row.name];
      const auto part = base::split_partition_name(row.name);
      if (!topic)
        topic = std::make_shared<Topic>(context_, std::move(row), storage::TopicState{},
                                        static_cast<std::int32_t>(part->partition));
      topics.push_back(topic);
    }
  }
  for (const TopicPtr& topic : topics) {
    topic->core().loop.post([this, topic, policies] {
      topic->core().topics.emplace(topic->id(), topic);
      topic->limits().set(policies, policies_of_namespace(*topic));
    });
  }
  return topics;
}

void BrokerImpl::reveal(const std::string& name, std::uint32_t partitions,
                        const std::vector<TopicPtr>& topics) {
  {
    const std::lock_guard lock(mutex_);
    for (const TopicPtr& topic : topics) {
      hidden_.erase(topic->name());
      topics_.insert_or_assign(topic->name(), topic);
    }
  }
  partition_table_.set(name, partitions);
}

void BrokerImpl::delete_partitioned_topic(std::string name, bool force, Done<void> done) {
  in_turn([this, name, force, answer = Answer<void>(std::move(done))](Turn turn) mutable {
    if (partition_table_.count(name) == 0)
      return answer(fail(ErrorCode::topic_not_found, fmt::format("topic {} does not exist", name)));
    const auto all = all_partitions(name);
    // From then on the name is free. What is left may wait for space on the disk, others must not.
    auto free_name = [this, name, all, turn]() mutable {
      gone(name, all);
      turn = nullptr;
    };
    std::make_shared<PartitionRemoval>(
        context_,
        PartitionRemoval::Plan{.name = name, .force = force, .partitions = all, .gone = std::move(free_name)},
        std::move(answer))
        ->run();
  });
}

/// With those of a growth that was interrupted.
std::vector<TopicPtr> BrokerImpl::all_partitions(const std::string& name) const {
  std::vector<TopicPtr> all;
  const std::string prefix = name + "-partition-";
  const std::lock_guard lock(mutex_);
  for (const auto* topics : {&topics_, &hidden_}) {
    for (auto at = topics->lower_bound(prefix); at != topics->end() && at->first.starts_with(prefix); ++at) {
      const auto part = base::split_partition_name(at->first);
      if (part && part->topic == name) all.push_back(at->second);
    }
  }
  return all;
}

void BrokerImpl::gone(const std::string& name, const std::vector<TopicPtr>& partitions) {
  {
    const std::lock_guard lock(mutex_);
    for (const TopicPtr& topic : partitions) {
      topics_.erase(topic->name());
      hidden_.erase(topic->name());
    }
  }
  partition_table_.set(name, 0);
}

}  // namespace geminga::broker
