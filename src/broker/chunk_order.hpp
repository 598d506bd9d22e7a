#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "broker/key_order.hpp"
#include "storage/entry.hpp"

namespace geminga::broker {

/// The messages that were published in chunks and of which something is out or waits. Only who gets all
/// chunks of a message can put it together, so its chunks have one consumer, and come again together.
///
/// A message is named by what stands in the header of each of its entries: producer and sequence id, of which
/// Pulsar's clients make their uuid, too. Pure.
class ChunkOrder {
 public:
  [[nodiscard]] static bool is_chunk(const storage::EntryHeader& header) {
    return (header.flags & storage::EntryFlags::kChunk) != 0;
  }
  [[nodiscard]] bool empty() const { return messages_.empty(); }
  [[nodiscard]] bool knows(EntryId entry) const { return by_entry_.contains(entry); }
  /// The other chunks of its message, in order. Only of what is known.
  [[nodiscard]] std::vector<EntryId> others(EntryId entry) const;
  /// The first chunk of the message that this is a chunk of; nothing: none is known.
  [[nodiscard]] std::optional<EntryId> first_of(const storage::EntryHeader& chunk) const;
  /// The known chunk that comes before this one in its message.
  [[nodiscard]] std::optional<EntryId> before(const storage::EntryHeader& chunk) const;
  /// Who has the message; 0: nobody, its chunks wait for whoever takes the first.
  [[nodiscard]] ConsumerNumber consumer_of(const storage::EntryHeader& chunk) const;
  [[nodiscard]] ConsumerNumber consumer_of(EntryId entry) const;

  /// It goes out or waits from now on.
  void add(const storage::EntryHeader& chunk);
  void give(const storage::EntryHeader& chunk, ConsumerNumber consumer);
  /// It is nobody's any more. Returned: what waited for its consumer and was ready.
  std::vector<EntryId> take_from(EntryId entry);
  /// The same with all messages of this consumer.
  std::vector<EntryId> take_all_from(ConsumerNumber consumer);
  /// It is acknowledged, or not there any more.
  void forget(EntryId entry);

  /// It waits for the consumer of its message, and may go out as soon as that one takes something.
  void ready(EntryId entry);
  void not_ready(EntryId entry);
  [[nodiscard]] std::optional<EntryId> first_for(ConsumerNumber consumer) const;

  /// Near enough for a budget.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct Name {
    std::uint64_t producer = 0;
    std::uint64_t sequence = 0;
    auto operator<=>(const Name&) const = default;
  };
  struct Message {
    ConsumerNumber consumer = 0;
    std::set<EntryId> chunks;
  };
  using Messages = std::map<Name, Message>;
  static Name name_of(const storage::EntryHeader& chunk) { return {chunk.producer, chunk.sequence}; }
  void take(Message& message, std::vector<EntryId>& were_ready);

  Messages messages_;  ///< those with a chunk that is out or waits
  std::unordered_map<EntryId, Name> by_entry_;
  std::map<ConsumerNumber, std::set<EntryId>> ready_;
};

}  // namespace geminga::broker
