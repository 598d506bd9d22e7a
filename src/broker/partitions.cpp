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
                                                     const auto parts = topics_.adopt(*std::move(rows), {});
                                                     for (const TopicPtr& part : parts) give_retention(part);
                                                     reveal(name, partitions, parts);
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
    const TopicPtr first = topics_.find(base::partition_name(name, 0));
    if (before == 0 || !first) {
      return answer(
          topics_.find(name)
              ? fail(ErrorCode::conflict,
                     fmt::format("{} was made without partitions and cannot get any", name))
              : fail(ErrorCode::topic_not_found, fmt::format("there is no partitioned topic {}", name)));
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
                            const Policies& policies) { return topics_.adopt(std::move(rows), policies); },
            .reveal = [this, name, partitions](
                          const std::vector<TopicPtr>& topics) { reveal(name, partitions, topics); }},
        Answer<void>(std::move(finish)))
        ->run();
  });
}

void BrokerImpl::reveal(const std::string& name, std::uint32_t partitions,
                        const std::vector<TopicPtr>& topics) {
  topics_.reveal(topics);
  partition_table_.set(name, partitions);
}

void BrokerImpl::delete_partitioned_topic(std::string name, bool force, Done<void> done) {
  in_turn([this, name, force, answer = Answer<void>(std::move(done))](Turn turn) mutable {
    if (partition_table_.count(name) == 0)
      return answer(fail(ErrorCode::topic_not_found, fmt::format("topic {} does not exist", name)));
    const auto all = topics_.all_partitions(name);
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

void BrokerImpl::gone(const std::string& name, const std::vector<TopicPtr>& partitions) {
  for (const TopicPtr& topic : partitions) topics_.forget(topic);
  partition_table_.set(name, 0);
}

}  // namespace geminga::broker
