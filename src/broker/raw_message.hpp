#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <geminga/error.hpp>
#include <geminga/message.hpp>

#include "base/clock.hpp"
#include "storage/entry.hpp"
#include "storage/transaction.hpp"

namespace geminga::broker {

/// The body of an entry in PayloadFormat::raw, docs/formats/entry.md: what our own bus publishes, one message
/// an entry. Pure.

/// Fills everything but the topic. `now` turns deliver_after into deliver_at.
storage::Append encode_raw(OutgoingMessage message, std::string_view producer_name, Timestamp now);

/// Copies the entry into a message; topic and redelivery count are the caller's. Errors: corrupted (not in
/// this format).
Result<Message> decode_raw(const storage::Entry& entry);

/// What a compaction looks at; both lie in the entry.
struct RawParts {
  std::string_view key;
  std::string_view body;
};
/// Without copying. Errors: corrupted.
Result<RawParts> parts_of_raw(const storage::Entry& entry);

/// All of it, without copying. Errors: corrupted.
struct RawView {
  std::optional<Timestamp> event_time;
  std::string_view key;
  std::string_view producer_name;
  std::vector<std::pair<std::string_view, std::string_view>> properties;
  std::string_view body;
};
Result<RawView> view_raw(const storage::Entry& entry);

/// decode_raw() in parts, for those who keep the bytes of a body and not its entry: what the header says; and
/// what a body says in which parts_of_raw() found no fault.
Message message_of_header(const storage::EntryHeader& header);
std::string_view key_of_raw(std::string_view body);
void unpack_raw(std::string_view body, Message& into);

/// Murmur3 (x86, 32 bits, seed 0) of the key with the sign bit off, as Pulsar's Key_Shared hashes; 0 for no
/// key.
std::uint32_t key_hash(std::string_view key);

}  // namespace geminga::broker
