#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "base/siphash.hpp"
#include "storage/entry.hpp"

namespace geminga::broker {

/// The last entry of every key of a topic; 128 bits stand for a key, whatever its length. Pure.
class LatestKeys {
 public:
  /// `memory_bytes`: what all of it may take.
  explicit LatestKeys(std::uint64_t memory_bytes);
  /// Entries come in order. False: it is a new key and there is no room for more.
  [[nodiscard]] bool note(std::string_view key, EntryId entry);
  [[nodiscard]] bool is_latest(std::string_view key, EntryId entry) const;
  void clear() { latest_.clear(); }
  [[nodiscard]] std::uint64_t keys() const { return latest_.size(); }
  [[nodiscard]] std::uint64_t keys_max() const { return keys_max_; }

 private:
  const base::Hash128 secret_;
  const std::uint64_t keys_max_;
  std::unordered_map<base::Hash128, EntryId> latest_;
};

}  // namespace geminga::broker
