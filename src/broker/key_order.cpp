#include "broker/key_order.hpp"

#include "base/assert.hpp"

namespace geminga::broker {
namespace {

/// Highest random weight decides: each consumer's weight for a slot is its own, so one that joins or leaves
/// changes nothing between the others.
std::uint64_t weight(std::uint32_t slot, ConsumerNumber consumer) {
  std::uint64_t mixed = (static_cast<std::uint64_t>(slot) << 32) ^ (consumer * 0x9e3779b97f4a7c15ULL);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;  // the finaliser of splitmix64
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31);
}

}  // namespace

// --- owners
// --------------------------------------------------------------------------------------------------------

void KeyOwners::add(ConsumerNumber consumer, std::vector<HashRange> ranges) {
  if (ranges.empty()) splitting_.push_back(consumer);
  for (const HashRange& range : ranges) {
    GEMINGA_ASSERT(range.first <= range.last && range.last < kSlots);
    by_last_.insert_or_assign(range.last, Held{.first = range.first, .consumer = consumer});
  }
}

void KeyOwners::remove(ConsumerNumber consumer) {
  std::erase(splitting_, consumer);
  std::erase_if(by_last_, [&](const auto& held) { return held.second.consumer == consumer; });
}

ConsumerNumber KeyOwners::owner(std::uint32_t hash) const {
  const std::uint32_t slot = hash % kSlots;
  if (!by_last_.empty()) {
    const auto held = by_last_.lower_bound(slot);
    return held != by_last_.end() && held->second.first <= slot ? held->second.consumer : 0;
  }
  ConsumerNumber best = 0;
  std::uint64_t best_weight = 0;
  for (const ConsumerNumber consumer : splitting_) {
    const std::uint64_t its = weight(slot, consumer);
    if (best == 0 || its > best_weight) {
      best = consumer;
      best_weight = its;
    }
  }
  return best;
}

ConsumerNumber KeyOwners::holder_of_any(const std::vector<HashRange>& ranges) const {
  for (const HashRange& range : ranges) {
    const auto held = by_last_.lower_bound(range.first);
    if (held != by_last_.end() && held->second.first <= range.last) return held->second.consumer;
  }
  return 0;
}

// --- order
// ---------------------------------------------------------------------------------------------------------

void KeyOrder::add_consumer(ConsumerNumber consumer, std::vector<HashRange> ranges) {
  owners_.add(consumer, std::move(ranges));
  change_owners();
}

void KeyOrder::remove_consumer(ConsumerNumber consumer) {
  owners_.remove(consumer);
  change_owners();
}

void KeyOrder::change_owners() {
  for (auto& [hash, key] : keys_) {
    key.owner = owners_.owner(hash);
    list(key);
  }
}

ConsumerNumber KeyOrder::owner(std::uint32_t hash) const {
  const auto key = keys_.find(hash);
  return key == keys_.end() ? owners_.owner(hash) : key->second.owner;
}

bool KeyOrder::may_send_new(std::uint32_t hash) const {
  const auto key = keys_.find(hash);
  if (key == keys_.end()) return true;
  return key->second.waiting.empty() && free_for_owner(key->second);
}

bool KeyOrder::may_send_waiting(std::uint32_t hash, EntryId entry) const {
  const auto key = keys_.find(hash);
  GEMINGA_ASSERT(key != keys_.end() && !key->second.waiting.empty());
  return key->second.listed_for != 0 && key->second.listed == entry;
}

std::optional<EntryId> KeyOrder::first_for(ConsumerNumber consumer) const {
  const auto listed = sendable_.find(consumer);
  if (listed == sendable_.end()) return std::nullopt;
  return *listed->second.begin();
}

KeyOrder::Key& KeyOrder::key_of(std::uint32_t hash) {
  const auto [key, fresh] = keys_.try_emplace(hash);
  if (fresh) key->second.owner = owners_.owner(hash);
  return key->second;
}

void KeyOrder::sent(std::uint32_t hash, ConsumerNumber consumer) {
  Key& key = key_of(hash);
  GEMINGA_ASSERT(key.out == 0 || key.out_with == consumer);
  key.out_with = consumer;
  key.out += 1;
  list(key);
}

void KeyOrder::returned(std::uint32_t hash) {
  const auto key = keys_.find(hash);
  GEMINGA_ASSERT(key != keys_.end() && key->second.out > 0);
  key->second.out -= 1;
  update(key);
}

void KeyOrder::waits(std::uint32_t hash, EntryId entry, bool ready) {
  Key& key = key_of(hash);
  key.waiting.emplace(entry, ready);
  list(key);
}

void KeyOrder::becomes_ready(std::uint32_t hash, EntryId entry) {
  const auto key = keys_.find(hash);
  GEMINGA_ASSERT(key != keys_.end());
  key->second.waiting.at(entry) = true;
  list(key->second);
}

void KeyOrder::waits_no_more(std::uint32_t hash, EntryId entry) {
  const auto key = keys_.find(hash);
  GEMINGA_ASSERT(key != keys_.end() && key->second.waiting.erase(entry) == 1);
  update(key);
}

void KeyOrder::update(Keys::iterator key) {
  list(key->second);
  if (key->second.out == 0 && key->second.waiting.empty()) keys_.erase(key);
}

void KeyOrder::list(Key& key) {
  const bool may_go = !key.waiting.empty() && key.waiting.begin()->second && free_for_owner(key);
  const ConsumerNumber for_whom = may_go ? key.owner : 0;
  const EntryId entry = may_go ? key.waiting.begin()->first : EntryId{};
  if (key.listed_for == for_whom && key.listed == entry) return;
  if (key.listed_for != 0) {
    const auto listed = sendable_.find(key.listed_for);
    listed->second.erase(key.listed);
    if (listed->second.empty()) sendable_.erase(listed);
  }
  key.listed_for = for_whom;
  key.listed = entry;
  if (for_whom != 0) sendable_[for_whom].insert(entry);
}

}  // namespace geminga::broker
