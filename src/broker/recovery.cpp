#include "broker/recovery.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/log.hpp"
#include "base/policy_fields.hpp"
#include "base/try.hpp"
#include "broker/compaction/compaction.hpp"

namespace geminga::broker {
namespace {

/// What the log knows of a topic and its subscriptions, as far as the start needs it: there may be 100,000.
struct FoundTopic {
  storage::TopicId id;
  EntryId first, next;
};
struct FoundCursor {
  storage::SubscriptionId id;
  storage::TopicId topic;
  EntryId next;
  std::uint64_t backlog = 0;
  std::uint64_t acknowledged_ranges = 0;
  bool has_row = false;
};

template <class Found, class Id>
Found* find(std::vector<Found>& sorted, Id id) {
  const auto at = std::ranges::lower_bound(sorted, id, {}, &Found::id);
  return at == sorted.end() || at->id != id ? nullptr : &*at;
}

class Recovery {
 public:
  Recovery(const Context& context, const PartitionTable& partitions, TopicRegistry& registry)
      : context_(context), partitions_(partitions), registry_(registry) {}

  Result<> run(StoredNames names) {
    ask_log();
    GEMINGA_TRY_VOID(take_policies(names.policies));
    std::ranges::sort(names.subscriptions, {}, &storage::SubscriptionRow::topic);
    for (const storage::TopicRow& row : names.topics) {
      if (row.view && !row.tombstone) views_.insert(row.view->topic);
    }
    for (storage::TopicRow& row : names.topics) {
      if (row.tombstone) {
        drop(row.id);
      } else if (row.view_of) {
        if (!views_.contains(row.id)) remove_unused_view(row);
      } else {
        take(std::move(row), names.subscriptions);
      }
    }
    drop_cursors_without_row();
    for (const std::string& name : due_) static_cast<void>(registry_.find(name));
    return {};
  }

 private:
  void ask_log() {
    context_.log->visit([this](storage::TopicId id, const storage::TopicState& state) {
      topics_.push_back({.id = id, .first = state.first, .next = state.next});
      for (const auto& [subscription, cursor] : state.cursors) {
        cursors_.push_back({.id = subscription,
                            .topic = id,
                            .next = cursor.next,
                            .backlog = backlog_of(cursor, state.first, state.next),
                            .acknowledged_ranges = cursor.acknowledged.size()});
      }
    });
    std::ranges::sort(topics_, {}, &FoundTopic::id);
    std::ranges::sort(cursors_, {}, &FoundCursor::id);
  }

  Result<> take_policies(const std::vector<storage::PolicyRow>& rows) {
    std::map<std::string, base::PolicyValues> of_namespaces;
    std::map<storage::TopicId, base::PolicyValues> of_topics;
    for (const storage::PolicyRow& row : rows) {
      if (row.name_space.empty()) {
        of_topics[row.topic].emplace(row.name, row.value);
      } else {
        of_namespaces[row.name_space].emplace(row.name, row.value);
      }
    }
    for (const auto& [name, values] : of_namespaces) {
      GEMINGA_TRY(const Policies policies, base::to_policies(values));
      registry_.set_namespace_policies(name, policies);
    }
    for (const auto& [topic, values] : of_topics) {
      GEMINGA_TRY(policies_[topic], base::to_policies(values));
    }
    any_policies_ = !rows.empty() || !(context_.options.default_policies == Policies{});
    return {};
  }

  /// A deletion that a stop cut short: goes on with its last steps.
  void drop(storage::TopicId id) {
    storage::Transaction drop;
    drop.operations.emplace_back(storage::DropTopic{.topic = id});
    context_.log->submit(std::move(drop));
  }

  /// Of a compaction that a stop cut short.
  void remove_unused_view(const storage::TopicRow& row) {
    context_.metadata->tombstone_topic(row.id, [&context = context_, row](const Result<>& gone) {
      if (!gone) {
        return log::warn("broker", "{} is not used and stays until the next start: {}", row.name,
                         gone.error().message);
      }
      drop_view(context, row.name, row.id);
    });
  }

  /// `subscriptions` are sorted by topic.
  void take(storage::TopicRow row, std::vector<storage::SubscriptionRow>& subscriptions) {
    const FoundTopic* const found = find(topics_, row.id);
    if (row.terminated) context_.log->seal(row.id, true);
    TopicRecord record{.row = std::move(row)};
    EntryId acknowledged = found == nullptr ? EntryId{} : found->next;
    for (storage::SubscriptionRow& one :
         std::ranges::equal_range(subscriptions, record.row.id, {}, &storage::SubscriptionRow::topic)) {
      FoundCursor* const cursor = find(cursors_, one.id);
      if (cursor == nullptr) {
        // A creation that a stop cut short before its position was durable: nobody was told that it exists.
        context_.metadata->delete_subscription(one.id, [](const Result<>&) {});
        continue;
      }
      cursor->has_row = true;
      acknowledged = std::min(acknowledged, cursor->next);
      record.backlog += cursor->backlog;
      record.acknowledged_ranges += cursor->acknowledged_ranges;
      record.subscriptions.push_back({.row = std::move(one), .counters = {}});
    }
    if (const auto own = policies_.find(record.row.id); own != policies_.end())
      record.policies = std::make_unique<Policies>(own->second);
    const bool to_trim = found != nullptr && found->first < acknowledged &&
                         !(record.subscriptions.empty() && record.row.retention == RetentionPolicy{});
    // Beyond the number: a growth that a stop cut short. The next one goes on with it.
    const bool hidden = !partitions_.check_plain(record.row.name);
    if (!hidden && (to_trim || has_clock(record))) due_.push_back(record.row.name);
    registry_.restore(std::move(record), hidden);
  }

  [[nodiscard]] bool has_clock(const TopicRecord& record) const {
    return any_policies_ &&
           registry_.is_due(record.row.name, &record, registry_.namespace_policies_for(record.row.name));
  }

  /// A removal that a stop cut short between its two steps.
  void drop_cursors_without_row() {
    for (const FoundCursor& cursor : cursors_) {
      if (cursor.has_row) continue;
      storage::Transaction drop;
      drop.operations.emplace_back(storage::DropCursor{.topic = cursor.topic, .subscription = cursor.id});
      context_.log->submit(std::move(drop));
    }
  }

  const Context& context_;
  const PartitionTable& partitions_;
  TopicRegistry& registry_;
  std::vector<FoundTopic> topics_;    // sorted by id
  std::vector<FoundCursor> cursors_;  // sorted by id
  std::set<storage::TopicId> views_;  // in use
  std::map<storage::TopicId, Policies> policies_;
  bool any_policies_ = false;
  std::vector<std::string> due_;
};

}  // namespace

Result<> recover(const Context& context, const PartitionTable& partitions, StoredNames names,
                 TopicRegistry& registry) {
  return Recovery(context, partitions, registry).run(std::move(names));
}

}  // namespace geminga::broker
