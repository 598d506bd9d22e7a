#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/answer.hpp"
#include "broker/context.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {

/// More partitions for a topic, in steps that are durable one after the other:
///
/// 1. the new partitions, which nobody can open yet;
/// 2. on each of them every subscription of the first partition, at the earliest message, and no other;
/// 3. the new number; then they can be opened and watchers hear of it.
///
/// So whatever is published to a new partition meets every subscription there was. A stop between two steps
/// leaves the old number; the next call goes on with what is there. While it runs no subscription of the
/// first partition comes or goes: whoever subscribes meanwhile sees the new number afterwards.
class PartitionGrowth : public std::enable_shared_from_this<PartitionGrowth> {
 public:
  struct Plan {
    std::string name;
    std::uint32_t partitions = 0;
    TopicPtr first;  ///< partition 0
    /// Makes topics of the rows, or finds those that an earlier attempt made. Nobody else sees them yet.
    std::function<std::vector<TopicPtr>(std::vector<storage::TopicRow>, const Policies&)> adopt;
    /// The number is durable: all may see them.
    std::function<void(const std::vector<TopicPtr>&)> reveal;
  };
  PartitionGrowth(ContextPtr context, Plan plan, Answer<void> answer)
      : context_(std::move(context)), plan_(std::move(plan)), answer_(std::move(answer)) {}

  void run();

 private:
  using Subscriptions = std::map<std::string, NewSubscription>;
  void make_topics(Subscriptions wanted, const Policies& policies);
  void make_subscriptions(const std::vector<TopicPtr>& topics, const Subscriptions& wanted);
  void set_number(const std::vector<TopicPtr>& topics);
  void finish(Result<> result);

  const ContextPtr context_;
  const Plan plan_;
  Answer<void> answer_;
};

}  // namespace geminga::broker
