#include "storage/topic_table.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "storage/cursor.hpp"

namespace geminga::storage {
namespace {

/// Copies entries from id `from` on; the entries of a run are dense. False when a limit of the request was
/// reached first: then nothing that follows the run may be copied either.
bool copy_run(const std::vector<Entry>& run, const ReadRequest& request, EntryId from,
              std::vector<Entry>& into, std::uint64_t& bytes) {
  if (run.empty() || run.back().header.entry < from) return true;
  const std::uint64_t first = run.front().header.entry.value;
  const std::size_t start = from.value > first ? from.value - first : 0;
  for (std::size_t i = start; i < run.size(); ++i) {
    if (into.size() >= request.entries_max) return false;
    if (!into.empty() && bytes + run[i].body.size() > request.bytes_max) return false;
    bytes += run[i].body.size();
    into.push_back(run[i]);
  }
  return true;
}

}  // namespace

Topic* TopicTable::find(TopicId id) {
  // No lock: only this thread changes the map.
  const auto found = topics_.find(id);
  return found == topics_.end() ? nullptr : found->second.get();
}

void TopicTable::set_dropped(TopicId id, bool dropped) {
  if (Topic* topic = find(id)) topic->assigned.dropped = dropped;
}

Topic* TopicTable::find_or_add(TopicId id) {
  if (const auto found = topics_.find(id); found != topics_.end())
    return found->second->assigned.dropped ? nullptr : found->second.get();
  if (dropped_.contains(id)) return nullptr;
  const std::lock_guard lock(mutex_);
  Topic* topic = topics_.emplace(id, std::make_unique<Topic>()).first->second.get();
  topic->sealed = sealed_.contains(id);
  if (const auto async = async_.find(id); async != async_.end()) topic->async = async->second;
  return topic;
}

void TopicTable::seal(TopicId id, bool sealed) {
  const std::lock_guard lock(mutex_);
  if (sealed) {
    sealed_.insert(id);
  } else {
    sealed_.erase(id);
  }
  if (const auto found = topics_.find(id); found != topics_.end()) found->second->sealed = sealed;
}

void TopicTable::set_async(TopicId id, std::chrono::milliseconds within) {
  const std::lock_guard lock(mutex_);
  if (within.count() > 0) {
    async_[id] = within;
  } else {
    async_.erase(id);
  }
  if (const auto found = topics_.find(id); found != topics_.end()) found->second->async = within;
}

EntryId TopicTable::answered_before(TopicId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = topics_.find(id);
  return found == topics_.end() ? EntryId{} : found->second->answered_before.load();
}

void TopicTable::restore(TopicId id, TopicState state, SentSequences sequences) {
  Topic* topic = find_or_add(id);
  if (topic == nullptr) return;
  topic->offline = !state.offline_reason.empty();
  topic->state = std::move(state);
  topic->state.stored_bytes = 0;
  topic->sequences = std::move(sequences);
}

bool TopicTable::restore(TopicId id, const Extent& extent) {
  Topic* topic = find(id);
  if (topic == nullptr) return false;
  topic->extents.push_back(extent);
  topic->state.stored_bytes += extent.bytes;
  return true;
}

void TopicTable::assign_from_durable() {
  for (auto& [id, topic] : topics_) {
    if (recovery_finds_async(*topic)) topic->state.ledgers.begin(take_ledger(), topic->state.next);
    topic->assigned = {.ledger = topic->state.ledgers.current,
                       .next = topic->state.next,
                       .next_index = topic->state.next_index,
                       .last_publish_time = topic->state.last_publish_time};
  }
  begin_checkpoint();  // what was found speaks of the ledgers before
}

void TopicTable::insert(Entry& entry) {
  const auto found = topics_.find(entry.header.topic);
  if (found == topics_.end()) return;  // dropped by an earlier operation
  Topic& topic = *found->second;
  TopicState& state = topic.state;
  GEMINGA_ASSERT(entry.header.entry == state.next);
  GEMINGA_ASSERT(entry.header.publish_time >= state.last_publish_time);
  state.ledgers.begin(entry.header.ledger, entry.header.entry);
  state.next = EntryId{entry.header.entry.value + 1};
  state.next_index = entry.header.message_index + entry.header.message_count;
  state.last_publish_time = entry.header.publish_time;
  state.stored_bytes += stored_bytes(entry);
  if ((entry.header.flags & EntryFlags::kAsync) != 0) topic.async_found_in = checkpoint_;
  if (raises_sequence(entry.header)) {
    SentSequence& sent = topic.sequences[entry.header.producer];
    if (entry.header.sequence >= sent.sequence)
      sent = {entry.header.sequence, entry.header.entry, entry.header.publish_time};
  }
  if (topic.active.empty()) with_active_.push_back(&topic);
  topic.active.push_back(entry);
}

void TopicTable::apply(AppliedGroup& group) {
  const std::lock_guard lock(mutex_);
  std::size_t inserted = 0;
  const auto insert_until = [&](std::size_t count) {
    for (; inserted < count; ++inserted) insert(group.entries[inserted]);
  };
  for (const AppliedGroup::Other& other : group.others) {
    insert_until(other.entries_before);
    apply_operation(other.operation);
  }
  insert_until(group.entries.size());
  active_bytes_ += group.memory_bytes + group.entries.size() * sizeof(Entry);
}

Result<> TopicTable::check_sequence(const AppliedGroup& group) const {
  std::unordered_map<TopicId, EntryHeader> last;
  for (const Entry& entry : group.entries) {
    const EntryHeader& header = entry.header;
    const auto previous = last.find(header.topic);
    const TopicState& state = topics_.at(header.topic)->state;
    const bool first = previous == last.end();
    const std::uint64_t next = first ? state.next.value : previous->second.entry.value + 1;
    const std::uint64_t next_index =
        first ? state.next_index : previous->second.message_index + previous->second.message_count;
    const Timestamp time = first ? state.last_publish_time : previous->second.publish_time;
    const LedgerId ledger = first ? state.ledgers.current : previous->second.ledger;
    if (header.entry.value != next || header.message_index != next_index || header.publish_time < time ||
        header.ledger < ledger)
      return fail(
          ErrorCode::corrupted,
          fmt::format("journal group {} holds entry {}:{} of topic {} where entry {} must stand; nothing was "
                      "changed; restore a backup",
                      group.number, header.ledger.value, header.entry.value, header.topic.value, next));
    last.insert_or_assign(header.topic, header);
  }
  return {};
}

void TopicTable::apply_operation(const JournalOperation& operation) {
  std::visit(
      [this](const auto& one) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(one)>, EntryHeader>) apply(one);
      },
      operation);
}

void TopicTable::apply(const Acknowledge& acknowledge) {
  const auto topic = topics_.find(acknowledge.topic);
  if (topic == topics_.end()) return;
  auto& cursors = topic->second->state.cursors;
  // A subscription that was dropped while the acknowledgement was on its way.
  const auto cursor = cursors.find(acknowledge.subscription);
  if (cursor != cursors.end()) apply_acknowledge(acknowledge, cursor->second);
}

void TopicTable::apply(const SetCursor& set) {
  const auto topic = topics_.find(set.topic);
  if (topic == topics_.end()) return;
  topic->second->state.cursors[set.subscription] =
      CursorState{.next = set.next, .acknowledged = {}, .batches = {}};
}

void TopicTable::apply(const DropCursor& drop) {
  if (const auto topic = topics_.find(drop.topic); topic != topics_.end())
    topic->second->state.cursors.erase(drop.subscription);
}

void TopicTable::apply(const DropTopic& drop) {
  sealed_.erase(drop.topic);
  async_.erase(drop.topic);
  dropped_.insert(drop.topic);
  drops_.push_back(drop.topic);
  const auto found = topics_.find(drop.topic);
  if (found == topics_.end()) return;
  Topic& topic = *found->second;
  dead_.insert(dead_.end(), topic.extents.begin(), topic.extents.end());
  if (!topic.active.empty()) std::erase(with_active_, &topic);
  topics_.erase(found);
}

void TopicTable::apply(const Trim& trim) {
  const auto found = topics_.find(trim.topic);
  if (found == topics_.end()) return;
  Topic& topic = *found->second;
  const EntryId before = std::min(trim.before, topic.state.next);
  if (before <= topic.state.first) return;
  for (const auto* run : {&topic.frozen, &topic.active}) {
    if (run->empty()) continue;
    const std::uint64_t base = run->front().header.entry.value;
    const std::uint64_t from = std::max(topic.state.first.value, base) - base;
    const std::uint64_t until = before.value > base ? before.value - base : 0;
    for (std::uint64_t i = from; i < std::min<std::uint64_t>(until, run->size()); ++i)
      topic.state.stored_bytes -= stored_bytes((*run)[i]);
  }
  const auto live = std::find_if(topic.extents.begin(), topic.extents.end(),
                                 [&](const Extent& extent) { return extent.last >= before; });
  for (auto dead = topic.extents.begin(); dead != live; ++dead) topic.state.stored_bytes -= dead->bytes;
  dead_.insert(dead_.end(), topic.extents.begin(), live);
  topic.extents.erase(topic.extents.begin(), live);
  topic.state.first = before;
  topic.state.ledgers.forget_before(before);
}

EntryId TopicTable::first_within(TopicId id, std::uint64_t bytes) const {
  const std::lock_guard lock(mutex_);
  const auto found = topics_.find(id);
  if (found == topics_.end()) return {};
  const Topic& topic = *found->second;
  if (topic.state.stored_bytes <= bytes) return topic.state.first;  // mostly: nothing has to be looked at
  for (const auto* run : {&topic.active, &topic.frozen}) {
    for (auto entry = run->rbegin(); entry != run->rend(); ++entry) {
      if (entry->header.entry < topic.state.first) return topic.state.first;
      if (stored_bytes(*entry) > bytes) return EntryId{entry->header.entry.value + 1};
      bytes -= stored_bytes(*entry);
    }
  }
  for (auto extent = topic.extents.rbegin(); extent != topic.extents.rend(); ++extent) {
    if (extent->bytes > bytes) {
      const double share = static_cast<double>(bytes) / static_cast<double>(extent->bytes);
      const double entries = static_cast<double>(extent->last.value - extent->first.value + 1);
      const auto kept = static_cast<std::uint64_t>(share * entries);
      return std::max(topic.state.first, EntryId{extent->last.value + 1 - kept});
    }
    bytes -= extent->bytes;
  }
  return topic.state.first;
}

// --- sequence ids of producers
// -------------------------------------------------------------------------------------

const SentSequence* TopicTable::durable_sequence(TopicId topic, std::uint64_t producer) const {
  // No lock: only this thread changes them.
  const auto found = topics_.find(topic);
  if (found == topics_.end()) return nullptr;
  const auto sent = found->second->sequences.find(producer);
  return sent == found->second->sequences.end() ? nullptr : &sent->second;
}

std::optional<SentSequence> TopicTable::sent_sequence(TopicId topic, std::uint64_t producer) const {
  const std::lock_guard lock(mutex_);
  const SentSequence* sent = durable_sequence(topic, producer);
  return sent == nullptr ? std::nullopt : std::optional(*sent);
}

void TopicTable::hold_sequence(TopicId topic, std::uint64_t producer, bool connected,
                               base::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  Hold& hold = holds_[{topic, producer}];
  GEMINGA_ASSERT(connected || hold.producers > 0);
  hold.producers += connected ? 1 : -1;
  hold.last_seen = now;
  const auto found = topics_.find(topic);
  const bool known = found != topics_.end() && found->second->sequences.contains(producer);
  if (hold.producers == 0 && !known) holds_.erase({topic, producer});
}

void TopicTable::forget_idle_sequences(base::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  if (!opened_) opened_ = now;
  for (auto& [id, topic] : topics_) {
    if (!topic->sequences.empty()) forget_idle(id, topic->sequences, now);
  }
  std::erase_if(holds_, [&](const auto& hold) {
    return hold.second.producers == 0 && durable_sequence(hold.first.first, hold.first.second) == nullptr;
  });
}

void TopicTable::forget_idle(TopicId id, SentSequences& sequences, base::MonotonicTime now) {
  // By when they were last seen; those of connected producers are not in it. Who was not here since the start
  // counts from the start: how long it was away before, only the wall clock could tell, and that may jump.
  std::multimap<std::pair<base::MonotonicTime, Timestamp>, std::uint64_t> free;
  for (const auto& [producer, sent] : sequences) {
    base::MonotonicTime seen = *opened_;
    if (const auto hold = holds_.find({id, producer}); hold != holds_.end()) {
      if (hold->second.producers > 0) continue;
      seen = hold->second.last_seen;
    }
    free.emplace(std::pair(seen, sent.publish_time), producer);
  }
  for (const auto& [seen, producer] : free) {
    if (now - seen.first < kSentSequenceIdle && sequences.size() <= kSentSequencesMax) return;
    sequences.erase(producer);
  }
}

Result<TopicTable::ReadPlan> TopicTable::plan_read(const ReadRequest& request) const {
  ReadPlan plan{.entries = {}, .extents = {}, .from = request.from};
  const std::lock_guard lock(mutex_);
  const auto found = topics_.find(request.topic);
  if (found == topics_.end()) return plan;
  const Topic& topic = *found->second;
  if (!topic.state.offline_reason.empty()) return fail(ErrorCode::topic_offline, topic.state.offline_reason);
  plan.from = std::max(request.from, topic.state.first);
  if (plan.from >= topic.state.next) return plan;
  const auto extent = std::find_if(topic.extents.begin(), topic.extents.end(),
                                   [&](const Extent& one) { return one.last >= plan.from; });
  if (extent != topic.extents.end()) {
    std::uint64_t bytes = 0;
    for (auto one = extent; one != topic.extents.end() && bytes < request.bytes_max; ++one) {
      plan.extents.push_back(*one);
      if (one != extent) bytes += one->bytes;
    }
    return plan;
  }
  std::uint64_t bytes = 0;
  if (copy_run(topic.frozen, request, plan.from, plan.entries, bytes))
    copy_run(topic.active, request, plan.from, plan.entries, bytes);
  return plan;
}

Result<TopicState> TopicTable::state(TopicId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = topics_.find(id);
  if (found == topics_.end())
    return fail(ErrorCode::topic_not_found, fmt::format("the log holds nothing of topic {}", id.value));
  return found->second->state;
}

std::string TopicTable::offline_reason(TopicId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = topics_.find(id);
  return found == topics_.end() ? std::string() : found->second->state.offline_reason;
}

void TopicTable::take_offline(TopicId id, const std::string& reason, bool lasts) {
  const std::lock_guard lock(mutex_);
  const auto found = topics_.find(id);
  if (found == topics_.end()) return;
  TopicState& state = found->second->state;
  // What lasts is told rather than what another look may find mended.
  if (found->second->offline.exchange(true) && (state.offline_lasts || !lasts)) return;
  state.offline_reason = reason;
  state.offline_lasts = lasts;
}

void TopicTable::visit(const std::function<void(TopicId, const Topic&)>& visitor) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, topic] : topics_) visitor(id, *topic);
}

}  // namespace geminga::storage
