#pragma once

#include <string_view>

#include <geminga/error.hpp>
#include <geminga/message.hpp>

#include "storage/entry.hpp"

/// Entries in PayloadFormat::pulsar, docs/formats/entry.md: what Pulsar's clients published. Pure.
namespace geminga::engines::embedded {

/// Is it one that the bus can read? Errors: corrupted; unsupported_by_engine (more than one message,
/// compressed, encrypted, part of a larger one).
Result<> check_pulsar(const storage::Entry& entry);

/// Of a body in which check_pulsar() found no fault. `key`: as it was sent, so base64 where it is no text.
[[nodiscard]] std::string_view key_of_pulsar(std::string_view body);
/// The key cannot be taken as it was sent.
[[nodiscard]] bool has_encoded_key(std::string_view body);
/// What the header does not say.
void unpack_pulsar(std::string_view body, Message& into);

}  // namespace geminga::engines::embedded
