#pragma once

#include <vector>

#include "broker/context.hpp"
#include "broker/partition_table.hpp"
#include "broker/topic_registry.hpp"

namespace geminga::broker {

/// What the metadata store holds of topics, read at the start.
struct StoredNames {
  std::vector<storage::TopicRow> topics;
  std::vector<storage::SubscriptionRow> subscriptions;
  std::vector<storage::PolicyRow> policies;
};

/// Brings names and log together: fills the registry, ends what a stop had cut short, and loads those topics
/// that may have something to do though nobody asks for them. Nothing runs yet: the log is open and silent.
/// Errors: invalid_argument (policies that a newer program wrote).
Result<> recover(const Context& context, const PartitionTable& partitions, StoredNames names,
                 TopicRegistry& registry);

}  // namespace geminga::broker
