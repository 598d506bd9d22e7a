#pragma once

#include <span>
#include <string_view>

#include <geminga/error.hpp>
#include <geminga/message.hpp>

#include "storage/entry.hpp"

/// Entries in PayloadFormat::pulsar, docs/formats/entry.md: what Pulsar's clients published. Pure.
namespace geminga::engines::embedded {

[[nodiscard]] inline bool is_pulsar_batch(const storage::EntryHeader& header) {
  return header.format == storage::PayloadFormat::pulsar && (header.flags & storage::EntryFlags::kBatch) != 0;
}

/// Makes it one that the bus can read: a compressed payload is unpacked. Errors: corrupted;
/// unsupported_by_engine (encrypted, part of a larger message); the entry is as it was.
Result<> make_readable(storage::Entry& entry);
/// What can be known of one that is not readable: its payload is as it came.
void describe_pulsar(std::string_view body, Message& into);

// Of a body with one message in which make_readable() found no fault.
/// As it was sent, so base64 where has_encoded_key().
[[nodiscard]] std::string_view key_of_pulsar(std::string_view body);
[[nodiscard]] bool has_encoded_key(std::string_view body);
/// Fills in what the header does not say.
void unpack_pulsar(std::string_view body, Message& into);

/// The same of a batch, which has as many messages as its header says.
void unpack_pulsar_batch(std::string_view body, std::span<Message> into);

}  // namespace geminga::engines::embedded
