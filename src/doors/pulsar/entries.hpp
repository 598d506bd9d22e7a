#pragma once

#include <string>
#include <string_view>

#include "broker/broker.hpp"
#include "wire/pulsar/entry.hpp"
#include "wire/pulsar/producing.hpp"

/// Between what stands behind a SEND or MESSAGE and what the log keeps (docs/formats/entry.md). Pure.
namespace geminga::doors::pulsar {

namespace wire = ::geminga::wire::pulsar;

/// The sizes and the command of a MESSAGE, at most, without its ack_set.
inline constexpr std::uint64_t kMessageCommandBytes = 128;
/// These, the checksum and what the broker adds.
inline constexpr std::uint64_t kAroundEntryBytes = kMessageCommandBytes + 64;
/// The least that a message takes in a batch: the size of its metadata, and its own size in there.
inline constexpr std::uint64_t kBatchMessageBytesMin = 6;

/// What a SEND says must fit the entry that it brings, and that the frames which clients take. Errors:
/// invalid_argument (numbers that cannot be, too large), unsupported_by_engine (part of a transaction).
Result<> check_send(const wire::CommandSend& send, const wire::Entry& entry,
                    const wire::MessageMetadata& metadata, std::uint32_t frame_bytes_max);

/// Everything but topic, producer and the owner of its bytes is filled in: they lie where they came. The
/// checksum that came is that of the stored body, so it is verified once and never computed again.
storage::Append to_append(const wire::CommandSend& send, const wire::Entry& entry,
                          const wire::MessageMetadata& metadata);

/// Appends to `head` what stands in front of the payload of a MESSAGE, from the checksum on, whichever way
/// the entry was published; the payload, which lies in the entry. Errors: corrupted; unsupported_by_engine (a
/// format of another protocol).
Result<std::string_view> append_stored(std::string& head, const storage::Entry& entry);

/// What this broker adds for clients that want it.
wire::BrokerEntryMetadata broker_metadata(const storage::EntryHeader& header);

}  // namespace geminga::doors::pulsar
