#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <geminga/types.hpp>

namespace geminga::storage {

/// Ids of the metadata store; never given twice in the life of a data directory.
using TopicId = Strong<struct TopicIdTag>;
using SubscriptionId = Strong<struct SubscriptionIdTag>;

/// How the body of an entry is written. The log never looks into it.
enum class PayloadFormat : std::uint8_t { raw = 0, pulsar = 1, kafka = 2 };

/// Bits of the entry header.
struct EntryFlags {
  static constexpr std::uint16_t kBatch = 1;
  static constexpr std::uint16_t kChunk = 2;
  static constexpr std::uint16_t kControl = 4;
  static constexpr std::uint16_t kEncrypted = 8;
  /// Stored once for its producer and sequence id. A producer's ids rise.
  static constexpr std::uint16_t kDeduplicate = 16;
  /// Published where sends are answered before they are on the disk. Where such an entry was found after an
  /// unclean stop, ids behind it may have been given out too: its ledger takes no more.
  static constexpr std::uint16_t kAsync = 32;
};

/// How many messages an entry may say that it has. It is the producer's claim: whoever takes an entry in
/// holds it against what it brings, as only a codec can; the log sees to it that no index is given away by a
/// lie.
inline constexpr std::uint32_t kEntryMessagesMax = 1'000'000;

/// (-1, -1), Pulsar's answer for a duplicate whose place is not known any more.
inline constexpr LedgerId kUnknownLedger{~std::uint64_t{0}};
inline constexpr EntryId kUnknownEntry{~std::uint64_t{0}};

/// What stands in front of every entry on disk; docs/formats/journal.md has the bytes.
struct EntryHeader {
  TopicId topic;
  LedgerId ledger;
  EntryId entry;                    ///< dense in its topic, from 0
  std::uint64_t message_index = 0;  ///< of the first message; dense in its topic, the later Kafka offset
  std::uint32_t message_count = 1;
  Timestamp publish_time{};  ///< never decreasing in a topic
  std::optional<Timestamp> deliver_at;
  std::uint32_t key_hash = 0;  ///< Murmur3-32 of the key as Pulsar's Key_Shared uses it; 0: no key
  std::uint16_t flags = 0;
  PayloadFormat format = PayloadFormat::raw;
  std::uint16_t chunk_index = 0;
  std::uint16_t chunk_count = 0;
  std::uint64_t producer = 0;  ///< hash of the producer's name; 0: none
  std::uint64_t sequence = 0;  ///< highest sequence id in the entry
  std::uint32_t body_bytes = 0;
  std::uint32_t body_crc = 0;  ///< CRC-32C of the body
};

/// An entry in memory. `body` is valid as long as `owner` lives (a group buffer, a read block); copies share
/// it.
struct Entry {
  EntryHeader header;
  std::string_view body;
  std::shared_ptr<const void> owner;
};

}  // namespace geminga::storage
