#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "wire/pulsar/fault.hpp"
#include "wire/pulsar/metadata.hpp"

/// What stands behind the command of a SEND or a MESSAGE. A broker keeps and forwards these bytes as they
/// came:
///
///     [0x0e02] [size u32] [BrokerEntryMetadata]           only from brokers, to clients that asked for it
///     [0x0e01] [CRC-32C u32, of all that follows]         every client since protocol version 6
///     [metadata size u32] [MessageMetadata] [payload]
namespace geminga::wire::pulsar {

inline constexpr std::uint16_t kChecksumMagic = 0x0e01;
inline constexpr std::uint16_t kBrokerEntryMagic = 0x0e02;

enum class Checksum : std::uint8_t { verify, trust };

/// Views into the entry.
struct Entry {
  std::optional<BrokerEntryMetadata> broker;
  std::optional<std::uint32_t> checksum;
  std::string_view message;   ///< from the checksum on: the entry without what the broker added
  std::string_view metadata;  ///< for decode<MessageMetadata>()
  std::string_view payload;   ///< compressed and encrypted as the metadata says
};

/// Faults: truncated, bad_checksum (one that is there and is not trusted), bad_protobuf.
Parsed<Entry> parse_entry(std::string_view entry, Checksum checksum = Checksum::verify) noexcept;

/// Appends all of an entry but its payload, which the caller sends behind it from where it lies.
void append_entry_head(std::string& out, const MessageMetadata& metadata,
                       std::initializer_list<std::string_view> payload);

/// Appends what a broker puts in front of an entry.
void append_broker_entry(std::string& out, const BrokerEntryMetadata& broker);

}  // namespace geminga::wire::pulsar
