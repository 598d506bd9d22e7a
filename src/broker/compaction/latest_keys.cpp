#include "broker/compaction/latest_keys.hpp"

#include <random>

namespace geminga::broker {
namespace {

/// A node of the map with what the allocator adds, and its share of the buckets.
constexpr std::uint64_t kBytesOfAKey = 48 + 8 + 8;

std::uint64_t random_word() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

LatestKeys::LatestKeys(std::uint64_t memory_bytes)
    : secret_{.low = random_word(), .high = random_word()}, keys_max_(memory_bytes / kBytesOfAKey) {}

bool LatestKeys::note(std::string_view key, EntryId entry) {
  const base::Hash128 hash = base::siphash_128(key, secret_);
  if (const auto known = latest_.find(hash); known != latest_.end()) {
    known->second = entry;
    return true;
  }
  if (latest_.size() >= keys_max_) return false;
  latest_.emplace(hash, entry);
  return true;
}

bool LatestKeys::is_latest(std::string_view key, EntryId entry) const {
  const auto known = latest_.find(base::siphash_128(key, secret_));
  return known != latest_.end() && known->second == entry;
}

}  // namespace geminga::broker
