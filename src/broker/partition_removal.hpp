#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "broker/answer.hpp"
#include "broker/context.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {

/// Deletes a partitioned topic with all its partitions: one commit, then the messages of each. Refused, all
/// stay as they are.
class PartitionRemoval : public std::enable_shared_from_this<PartitionRemoval> {
 public:
  struct Plan {
    std::string name;
    bool force = false;
    std::vector<TopicPtr> partitions;
    std::function<void()> gone;  ///< called once, when the deletion is durable: nobody may find it any more
  };
  PartitionRemoval(ContextPtr context, Plan plan, Answer<void> answer)
      : context_(std::move(context)), plan_(std::move(plan)), answer_(std::move(answer)) {}

  void run();

 private:
  void begun(Result<> all);
  void tombstoned(Result<> stored);
  void cancel(Result<> refused);

  const ContextPtr context_;
  const Plan plan_;
  Answer<void> answer_;
  std::mutex mutex_;
  std::vector<TopicPtr> begun_;  // under mutex
};

}  // namespace geminga::broker
