#pragma once

#include <string>
#include <string_view>

#include "wire/pulsar/commands.hpp"
#include "wire/pulsar/fault.hpp"
#include "wire/pulsar/metadata.hpp"

/// Bytes of one protobuf message to its struct and back, for every command and the metadata. Allocates
/// nothing but what `append` needs beyond the capacity of `out`. Fields that we do not know are passed over;
/// of a field that is there twice and may not be, the last counts; a value that an enumeration does not have
/// is as if absent.
namespace geminga::wire::pulsar {

/// Messages within messages, deeper than any client goes.
inline constexpr int kDepthMax = 16;

/// The views in the result point into `bytes`. Faults: bad_protobuf, missing_field.
template <class Message>
Parsed<Message> decode(std::string_view bytes) noexcept;

template <class Message>
std::size_t encoded_size(const Message& message) noexcept;

/// Writes at `out`, where `encoded_size` bytes have room, and returns what is behind them.
template <class Message>
char* encode(const Message& message, char* out) noexcept;

/// At the end of `out`, fields in the order of their numbers.
template <class Message>
void append(std::string& out, const Message& message);

}  // namespace geminga::wire::pulsar
