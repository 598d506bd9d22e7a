#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "storage/entry.hpp"
#include "storage/transaction.hpp"

/// The operations of a journal record as bytes; docs/formats/journal.md has the tables. Pure functions.
namespace geminga::storage {

inline constexpr std::size_t kEntryHeaderBytes = 96;
inline constexpr std::size_t kOperationHeaderBytes = 48;

enum class OperationKind : std::uint8_t {
  append = 1,
  acknowledge = 2,
  set_cursor = 3,
  drop_cursor = 4,
  drop_topic = 5,
  trim = 6,
};

/// An operation as the journal holds it: ids are given, SetCursorToEnd became SetCursor. The body of an
/// append stands behind the headers of its record.
using JournalOperation = std::variant<EntryHeader, Acknowledge, SetCursor, DropCursor, DropTopic, Trim>;

/// `into` has kEntryHeaderBytes.
void encode_entry_header(const EntryHeader& header, std::span<std::byte> into);
/// Nothing when the bytes are too few, their CRC is wrong or a field cannot be.
std::optional<EntryHeader> decode_entry_header(std::span<const std::byte> bytes);

/// Bytes of the operation without the body.
std::size_t encoded_bytes(const JournalOperation& operation);
std::size_t encoded_bytes(const Acknowledge& acknowledge);
/// `into` has encoded_bytes().
void encode_operation(const JournalOperation& operation, std::span<std::byte> into);

struct DecodedOperation {
  JournalOperation operation;
  std::size_t bytes = 0;
};
/// The first operation in `bytes`. Nothing when it is cut off, its CRC is wrong or a field cannot be.
std::optional<DecodedOperation> decode_operation(std::span<const std::byte> bytes);

}  // namespace geminga::storage
