#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker/context.hpp"
#include "broker/partition_table.hpp"
#include "broker/topic.hpp"
#include "broker/topic_record.hpp"

namespace geminga::broker {

/// All topics by name. Each has a slot; those that somebody uses are loaded: the slot and the core of the
/// topic hold it. The others are a record, and the log has the rest. Any thread, except where said.
///
/// Loading. find() makes the topic under the mutex and posts Topic::load() to its core before anybody else
/// can get it, so whatever is posted for it later finds it loaded. load() asks the log: what became durable
/// before is in its answer, what becomes durable later is posted to the core behind it. Nothing passes by.
///
/// Unloading. On the core, under the mutex, when nobody but slot and core holds the topic. All that is under
/// way for a topic holds it: handles, tasks on their way to a core, answers of the log and of the metadata,
/// what is published until it is answered. What was answered before it is durable is waited for.
/// Who has none can get one from find() only, which the mutex keeps out, or on the core, which is busy here.
/// So a topic goes when it is not used, or somebody has it and it stays; and who comes later loads a new
/// one from what the old one left behind.
class TopicRegistry {
 public:
  TopicRegistry(ContextPtr context, const PartitionTable& partitions)
      : context_(std::move(context)), partitions_(partitions) {}

  // --- topics ---
  /// Loads it where it is not. Null: there is none of that name.
  TopicPtr find(const std::string& name);
  /// There is one of that name, perhaps one that is being deleted.
  [[nodiscard]] bool knows(const std::string& name) const;
  /// Made just now.
  TopicPtr add(storage::TopicRow row);
  /// Partitions that nobody finds until reveal(): they are made, or an interrupted growth left them.
  std::vector<TopicPtr> adopt(std::vector<storage::TopicRow> rows, const Policies& policies);
  void reveal(const std::vector<TopicPtr>& topics);
  /// It was deleted: its name is free.
  void forget(const TopicPtr& topic);
  /// Of a partitioned topic, hidden ones too; loads them.
  std::vector<TopicPtr> all_partitions(const std::string& topic);
  /// Those whose names begin with `prefix`; loads nothing.
  [[nodiscard]] std::vector<std::string> names(const std::string& prefix) const;

  // --- policies of namespaces; a namespace is known when it is made for sure ---
  [[nodiscard]] bool knows_namespace(const std::string& name) const;
  void add_namespace(const std::string& name);
  [[nodiscard]] std::optional<Policies> namespace_policies(const std::string& name) const;
  /// With BrokerOptions::default_policies where it says nothing. Empty where the namespace has none.
  [[nodiscard]] Policies namespace_policies_for(const std::string& topic) const;
  /// A topic that is not loaded and has this record (null: a plain one) has something to do under these
  /// policies of its namespace, now or later.
  [[nodiscard]] bool is_due(const std::string& name, const TopicRecord* record,
                            const Policies& of_namespace) const;
  /// Gives them to its topics; loads those that have something to do from now on.
  void set_namespace_policies(const std::string& name, const Policies& policies);

  // --- idle topics ---
  /// Unloads what nobody used for BrokerOptions::unload_after. On the core.
  void unload_idle(Core& core);

  // --- start and end ---
  /// Before the cores have anything to do; the record has its name still. Not loaded.
  void restore(TopicRecord record, bool hidden);
  void clear();

 private:
  struct Slot {
    storage::TopicId id;
    bool found = false;                   ///< since the topic was last looked at
    TopicPtr topic;                       ///< null: not loaded
    std::unique_ptr<TopicRecord> record;  ///< of one that is not loaded; null: a plain one
  };
  using Slots = std::map<std::string, Slot, std::less<>>;

  // Under the mutex:
  enum class Counted : bool { no, yes };  ///< among those that are not loaded
  TopicPtr load(const std::string& name, Slot& slot, std::int32_t partition, Counted counted);
  TopicPtr loaded(const std::string& name, Slot& slot);
  [[nodiscard]] Policies with_defaults(const std::string& name_space, const Policies& own) const;
  [[nodiscard]] Policies policies_around(const std::string& topic) const;
  Slot* slot_of(const Topic& topic);
  static void keep(Slot& slot, TopicRecord record);

  /// Takes it out of its slot when it may go; the caller holds it last.
  bool unload(Core& core, const TopicPtr& topic, base::MonotonicTime now);
  [[nodiscard]] std::int32_t partition_of(const std::string& topic) const;

  const ContextPtr context_;
  const PartitionTable& partitions_;
  mutable std::mutex mutex_;  // guards what follows
  Slots named_;
  Slots hidden_;  ///< partitions beyond the number: see PartitionGrowth
  std::map<std::string, Policies, std::less<>> namespaces_;
};

}  // namespace geminga::broker
