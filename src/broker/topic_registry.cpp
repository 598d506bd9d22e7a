#include "broker/topic_registry.hpp"

#include <utility>

#include "base/partition_name.hpp"
#include "base/policy_fields.hpp"
#include "base/topic_name.hpp"

namespace geminga::broker {
namespace {

/// The slot of a loaded topic and its core.
constexpr long kHolders = 2;

std::string namespace_of(const std::string& topic) {
  const auto name = base::TopicName::parse(topic, "");
  return name ? name->namespace_path() : std::string();
}

}  // namespace

// --- loading
// -------------------------------------------------------------------------------------------------------

TopicPtr TopicRegistry::find(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto at = named_.find(name);
  if (at == named_.end()) return nullptr;
  TopicPtr topic = loaded(name, at->second);
  return topic->deleted() ? nullptr : topic;
}

bool TopicRegistry::knows(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return named_.contains(name);
}

TopicPtr TopicRegistry::loaded(const std::string& name, Slot& slot) {
  slot.found = true;
  return slot.topic ? slot.topic : load(name, slot, partition_of(name), Counted::yes);
}

TopicPtr TopicRegistry::load(const std::string& name, Slot& slot, std::int32_t partition, Counted counted) {
  auto record = slot.record ? std::move(slot.record) : std::make_unique<TopicRecord>();
  record->row.id = slot.id;
  record->row.name = name;
  auto topic = std::make_shared<Topic>(context_, std::move(record->row), record->counters, partition);
  topic->limits().prepare(record->policies ? *record->policies : Policies{}, policies_around(name));
  Core& core = topic->core();
  core.loop.post([&core, topic, record = std::move(record), counted]() mutable {
    if (counted == Counted::yes) core.unloaded.subtract(record.get());
    topic->load(std::move(*record));
    topic->limits().tick();
    core.topics.emplace(topic->id(), topic);
  });
  slot.found = true;
  return slot.topic = std::move(topic);
}

TopicPtr TopicRegistry::add(storage::TopicRow row) {
  const std::string name = row.name;
  const std::lock_guard lock(mutex_);
  Slot& slot = named_[name];
  slot = Slot{.id = row.id, .topic = nullptr, .record = nullptr};
  return load(name, slot, partition_of(name), Counted::no);
}

std::vector<TopicPtr> TopicRegistry::adopt(std::vector<storage::TopicRow> rows, const Policies& policies) {
  std::vector<TopicPtr> topics;
  const std::lock_guard lock(mutex_);
  for (storage::TopicRow& row : rows) {
    const std::string name = row.name;
    const auto part = static_cast<std::int32_t>(base::split_partition_name(name)->partition);
    const auto [at, fresh] = hidden_.try_emplace(name);
    Slot& slot = at->second;
    if (fresh) {
      slot.id = row.id;
      keep(slot, {.row = std::move(row)});
    }
    if (!slot.topic) load(name, slot, part, fresh ? Counted::no : Counted::yes);
    slot.topic->core().loop.post([topic = slot.topic, policies, around = policies_around(name)] {
      topic->limits().set(policies, around);
    });
    topics.push_back(slot.topic);
  }
  return topics;
}

void TopicRegistry::reveal(const std::vector<TopicPtr>& topics) {
  const std::lock_guard lock(mutex_);
  for (const TopicPtr& topic : topics) {
    named_.erase(topic->name());
    named_.insert(hidden_.extract(topic->name()));
  }
}

void TopicRegistry::forget(const TopicPtr& topic) {
  const std::lock_guard lock(mutex_);
  for (Slots* slots : {&named_, &hidden_}) {
    if (const auto at = slots->find(topic->name()); at != slots->end() && at->second.topic == topic)
      slots->erase(at);
  }
}

std::vector<TopicPtr> TopicRegistry::all_partitions(const std::string& topic) {
  std::vector<TopicPtr> all;
  const std::string prefix = topic + "-partition-";
  const std::lock_guard lock(mutex_);
  for (Slots* slots : {&named_, &hidden_}) {
    for (auto at = slots->lower_bound(prefix); at != slots->end() && at->first.starts_with(prefix); ++at) {
      const auto part = base::split_partition_name(at->first);
      if (part && part->topic == topic) all.push_back(loaded(at->first, at->second));
    }
  }
  return all;
}

std::vector<std::string> TopicRegistry::names(const std::string& prefix) const {
  std::vector<std::string> names;
  const std::lock_guard lock(mutex_);
  for (auto at = named_.lower_bound(prefix); at != named_.end() && at->first.starts_with(prefix); ++at) {
    if (!at->second.topic || !at->second.topic->deleted()) names.push_back(at->first);
  }
  return names;
}

std::int32_t TopicRegistry::partition_of(const std::string& topic) const {
  const auto part = base::split_partition_name(topic);
  return part && partitions_.count(part->topic) > 0 ? static_cast<std::int32_t>(part->partition) : -1;
}

// --- policies of namespaces
// -----------------------------------------------------------------------------------------

bool TopicRegistry::knows_namespace(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return namespaces_.contains(name);
}

void TopicRegistry::add_namespace(const std::string& name) {
  const std::lock_guard lock(mutex_);
  namespaces_.try_emplace(name);
}

std::optional<Policies> TopicRegistry::namespace_policies(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = namespaces_.find(name);
  return found == namespaces_.end() ? std::nullopt : std::optional(found->second);
}

Policies TopicRegistry::with_defaults(const std::string& name_space, const Policies& own) const {
  const BrokerOptions& options = context_->options;
  if (options.default_policies == Policies{}) return own;
  if (options.without_defaults && options.without_defaults(name_space)) return own;
  return base::merged(own, options.default_policies);
}

Policies TopicRegistry::policies_around(const std::string& topic) const {
  const std::string name_space = namespace_of(topic);
  const auto found = namespaces_.find(name_space);
  return with_defaults(name_space, found == namespaces_.end() ? Policies{} : found->second);
}

Policies TopicRegistry::namespace_policies_for(const std::string& topic) const {
  const std::lock_guard lock(mutex_);
  return policies_around(topic);
}

bool TopicRegistry::is_due(const std::string& name, const TopicRecord* record,
                           const Policies& of_namespace) const {
  const TopicRecord plain;
  if (record == nullptr) record = &plain;
  const Policies in_force = record->policies ? base::merged(*record->policies, of_namespace) : of_namespace;
  return in_force.compaction_threshold_bytes.value_or(0) > 0 ||  // only the log knows how much there is
         need_clock(in_force, {.subscriptions = !record->subscriptions.empty(),
                               .backlog = record->backlog > 0,
                               .partition = partition_of(name) >= 0,
                               .keeps_for_ever = !record->row.retention.time});
}

void TopicRegistry::set_namespace_policies(const std::string& name, const Policies& policies) {
  const std::string prefix = "persistent://" + name + "/";
  const Policies in_force = with_defaults(name, policies);
  std::vector<std::string> due;  // loaded one by one: meanwhile others want the mutex
  {
    const std::lock_guard lock(mutex_);
    namespaces_[name] = policies;
    for (Slots* slots : {&named_, &hidden_}) {
      for (auto at = slots->lower_bound(prefix); at != slots->end() && at->first.starts_with(prefix); ++at) {
        const Slot& slot = at->second;
        if (slot.topic) {
          slot.topic->core().loop.post(
              [topic = slot.topic, in_force] { topic->limits().set(topic->limits().own(), in_force); });
        } else if (slots == &named_ && is_due(at->first, slot.record.get(), in_force)) {
          due.push_back(at->first);
        }
      }
    }
  }
  for (const std::string& one : due) static_cast<void>(find(one));
}

// --- unloading
// -----------------------------------------------------------------------------------------------------

void TopicRegistry::unload_idle(Core& core) {
  const base::MonotonicTime now = context_->now().monotonic;
  for (auto at = core.topics.begin(); at != core.topics.end();) {
    at = unload(core, at->second, now) ? core.topics.erase(at) : std::next(at);
  }
}

bool TopicRegistry::unload(Core& core, const TopicPtr& topic, base::MonotonicTime now) {
  std::optional<base::MonotonicTime>& since = topic->quiet_since();
  if (topic.use_count() > kHolders || !topic->quiet()) {
    since.reset();
    return false;
  }
  if (since && now - *since < context_->options.unload_after) return false;
  if (!topic->has_all_answered()) return false;
  const std::lock_guard lock(mutex_);
  Slot* const slot = slot_of(*topic);
  // A deleted one, or somebody got it before the mutex was ours.
  if (slot == nullptr || topic.use_count() > kHolders) return false;
  // Looked at a second time at least: what a use that has ended posted to the core is done by then.
  if (std::exchange(slot->found, false) || !since) {
    since = now;
    return false;
  }
  keep(*slot, topic->record());
  core.unloaded.add(slot->record.get());
  slot->topic.reset();
  return true;
}

TopicRegistry::Slot* TopicRegistry::slot_of(const Topic& topic) {
  for (Slots* slots : {&named_, &hidden_}) {
    if (const auto at = slots->find(topic.name()); at != slots->end() && at->second.topic.get() == &topic)
      return &at->second;
  }
  return nullptr;
}

void TopicRegistry::keep(Slot& slot, TopicRecord record) {
  record.row.name = std::string();
  slot.record = record.plain() ? nullptr : std::make_unique<TopicRecord>(std::move(record));
}

// --- start and end
// -----------------------------------------------------------------------------------------------

void TopicRegistry::restore(TopicRecord record, bool hidden) {
  const storage::TopicId id = record.row.id;
  const std::lock_guard lock(mutex_);
  const auto [at, added] = (hidden ? hidden_ : named_).try_emplace(std::move(record.row.name));
  Slot& slot = at->second;
  slot.id = id;
  keep(slot, std::move(record));
  context_->core_of(id).unloaded.add(slot.record.get());
}

void TopicRegistry::clear() {
  Slots named;  // freed under no lock
  Slots hidden;
  const std::lock_guard lock(mutex_);
  named.swap(named_);
  hidden.swap(hidden_);
}

}  // namespace geminga::broker
