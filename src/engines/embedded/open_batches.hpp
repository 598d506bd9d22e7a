#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <geminga/types.hpp>

#include "broker/ack_bits.hpp"

namespace geminga::engines::embedded {

/// The messages of batch entries that are out with one consumer of the bus: there each has a tag of its own,
/// while the broker gives and takes back entries. An entry of which some messages are handed back goes back
/// when the others are settled too; till then they would come twice. Any thread.
class OpenBatches {
 public:
  struct Place {
    EntryId entry;
    std::uint32_t index = 0;  ///< in the entry
  };
  /// An entry that goes back to the broker.
  struct Return {
    EntryId entry;
    std::chrono::milliseconds delay{0};
    bool counts = false;
    bool operator==(const Return&) const = default;
  };

  /// Is it a tag of this class? Others are the numbers of entries.
  [[nodiscard]] static bool has(std::uint64_t tag) { return (tag & kTagBit) != 0; }

  /// An entry came. The tag of its message i is the result + i.
  std::uint64_t open(EntryId entry, std::uint32_t messages, broker::AckBits acknowledged);
  /// Nothing: it is not out any more.
  [[nodiscard]] std::optional<Place> find(std::uint64_t tag) const;
  std::optional<Return> settled(std::uint64_t tag);
  std::optional<Return> returned(std::uint64_t tag, std::chrono::milliseconds delay, bool counts);
  /// This one and all in front of it are settled.
  void settled_up_to(const Place& last);
  /// Nothing is out any more.
  void clear();

 private:
  static constexpr std::uint64_t kTagBit = std::uint64_t{1} << 47;
  struct Batch {
    EntryId entry;
    std::uint32_t messages = 0;
    broker::AckBits closed;  ///< settled or handed back
    std::optional<Return> back;
  };
  using Batches = std::map<std::uint64_t, Batch>;

  /// Under mutex_, as the next two.
  [[nodiscard]] Batches::const_iterator batch_of(std::uint64_t tag) const;
  std::optional<Return> close(Batches::const_iterator at, std::uint32_t index);
  void forget(EntryId entry);

  mutable std::mutex mutex_;  // guards what follows
  Batches batches_;           ///< by the tag of their first message
  std::map<EntryId, std::uint64_t> tags_;
  std::uint64_t next_ = kTagBit;
};

/// The first `messages` bits from `index` on.
[[nodiscard]] broker::AckBits bits(std::uint32_t index, std::uint32_t messages = 1);

}  // namespace geminga::engines::embedded
