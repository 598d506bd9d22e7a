#include "broker/key_order.hpp"

#include "base/assert.hpp"

namespace geminga::broker {
namespace {

/// Pulsar splits keys by 65,536 slots; two keys of one slot always share their consumer.
constexpr std::uint32_t kSlots = 65'536;

std::uint64_t weight(std::uint32_t slot, ConsumerNumber consumer) {
  std::uint64_t mixed = (static_cast<std::uint64_t>(slot) << 32) ^ (consumer * 0x9e3779b97f4a7c15ULL);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;  // the finaliser of splitmix64
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31);
}

}  // namespace

void KeyOrder::add_consumer(ConsumerNumber consumer) {
  consumers_.push_back(consumer);
}

void KeyOrder::remove_consumer(ConsumerNumber consumer) {
  std::erase(consumers_, consumer);
}

ConsumerNumber KeyOrder::owner(std::uint32_t hash) const {
  ConsumerNumber best = 0;
  std::uint64_t best_weight = 0;
  for (const ConsumerNumber consumer : consumers_) {
    const std::uint64_t its = weight(hash % kSlots, consumer);
    if (best == 0 || its > best_weight) {
      best = consumer;
      best_weight = its;
    }
  }
  return best;
}

bool KeyOrder::may_send_new(std::uint32_t hash) const {
  const auto key = keys_.find(hash);
  if (key == keys_.end()) return true;
  return key->second.waiting.empty() && (key->second.out == 0 || key->second.out_with == owner(hash));
}

bool KeyOrder::may_send_waiting(std::uint32_t hash, EntryId entry) const {
  const auto key = keys_.find(hash);
  GEMINGA_ASSERT(key != keys_.end() && !key->second.waiting.empty());
  if (*key->second.waiting.begin() != entry) return false;
  return key->second.out == 0 || key->second.out_with == owner(hash);
}

void KeyOrder::sent(std::uint32_t hash, ConsumerNumber consumer) {
  Key& key = keys_[hash];
  GEMINGA_ASSERT(key.out == 0 || key.out_with == consumer);
  key.out_with = consumer;
  key.out += 1;
}

void KeyOrder::returned(std::uint32_t hash) {
  const auto key = keys_.find(hash);
  GEMINGA_ASSERT(key != keys_.end() && key->second.out > 0);
  key->second.out -= 1;
  forget_if_idle(hash);
}

void KeyOrder::waits(std::uint32_t hash, EntryId entry) {
  keys_[hash].waiting.insert(entry);
}

void KeyOrder::waits_no_more(std::uint32_t hash, EntryId entry) {
  const auto key = keys_.find(hash);
  GEMINGA_ASSERT(key != keys_.end() && key->second.waiting.erase(entry) == 1);
  forget_if_idle(hash);
}

void KeyOrder::forget_if_idle(std::uint32_t hash) {
  const auto key = keys_.find(hash);
  if (key->second.out == 0 && key->second.waiting.empty()) keys_.erase(key);
}

}  // namespace geminga::broker
