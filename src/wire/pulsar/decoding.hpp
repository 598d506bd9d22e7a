#pragma once

#include <bit>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <utility>

#include "wire/pulsar/codec.hpp"

/// How codec.cpp decodes: from the table of a message. For it only.
namespace geminga::wire::pulsar::decoding {

template <class Message>
bool decode_fields(std::string_view bytes, Message& message, WireError& error, int depth) noexcept;

/// What one field on the wire did to one member.
enum class Taken : std::uint8_t {
  yes,
  other_type,  ///< passed over, as an unknown field is
  damaged,
};

template <class T>
Taken take_value(const FieldReader& in, T& value, WireError& error, int depth) noexcept {
  if constexpr (VarintScalar<T>) {
    return in.type() == WireType::varint && from_varint(in.integer(), value) ? Taken::yes : Taken::other_type;
  } else if constexpr (std::is_same_v<T, double>) {
    if (in.type() != WireType::fixed64) return Taken::other_type;
    value = std::bit_cast<double>(in.integer());
    return Taken::yes;
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    if (in.type() != WireType::bytes) return Taken::other_type;
    value = in.bytes();
    return Taken::yes;
  } else {
    if (in.type() != WireType::bytes) return Taken::other_type;
    value = T{};
    return decode_fields(in.bytes(), value, error, depth + 1) ? Taken::yes : Taken::damaged;
  }
}

/// How many numbers a packed field holds; -1 where it is damaged.
inline std::int64_t packed_count(std::string_view bytes) noexcept {
  std::int64_t count = 0;
  std::uint64_t ignored = 0;
  const char* end = bytes.data() + bytes.size();
  for (const char* at = bytes.data(); at != end; ++count) {
    at = read_varint(at, end, ignored);
    if (at == nullptr) return -1;
  }
  return count;
}

template <class T>
Taken take(const FieldReader& in, T& member, WireError& error, int depth) noexcept {
  return take_value(in, member, error, depth);
}

template <class T>
Taken take(const FieldReader& in, Optional<T>& member, WireError& error, int depth) noexcept {
  T value{};
  const Taken taken = take_value(in, value, error, depth);
  if (taken == Taken::yes) member.emplace() = value;
  return taken;
}

/// Each element is taken apart once to see that it is whole.
template <class T>
Taken take(const FieldReader& in, Repeated<T>& member, WireError& error, int depth) noexcept {
  static_assert(!std::is_enum_v<T> && !std::is_same_v<T, double>,
                "an iterator could not pass such elements over");
  std::int64_t count = 1;
  if (VarintScalar<T> && in.type() == WireType::bytes) {
    count = packed_count(in.bytes());
    if (count < 0) {
      error.fault = Fault::bad_protobuf;
      return Taken::damaged;
    }
  } else {
    T element{};
    const Taken taken = take_value(in, element, error, depth);
    if (taken != Taken::yes) return taken;
  }
  if (count > 0) member.append(in, static_cast<std::size_t>(count));
  return Taken::yes;
}

template <class T>
inline constexpr bool kRequired = true;
template <class T>
inline constexpr bool kRequired<Optional<T>> = false;
template <class T>
inline constexpr bool kRequired<Repeated<T>> = false;

template <class Message, class Member>
constexpr bool required(const Field<Message, Member>&) {
  return kRequired<Member>;
}

/// A bit for each row of the table that must be there.
template <class Message>
constexpr std::uint64_t required_rows() {
  std::uint64_t rows = 0;
  std::uint64_t row = 1;
  std::apply([&](const auto&... each) { ((rows |= required(each) ? row : 0, row <<= 1), ...); },
             Message::kFields);
  return rows;
}

/// The row of the table whose field `in` stands at takes it; true unless that damages.
template <class Message>
bool take_field(const FieldReader& in, Message& message, std::uint64_t& seen, WireError& error,
                int depth) noexcept {
  Taken taken = Taken::other_type;
  std::uint64_t row = 1;
  std::apply(
      [&](const auto&... each) {
        static_cast<void>(
            ((each.number == in.number() ? (taken = take(in, message.*each.member, error, depth), true)
                                         : (row <<= 1, false)) ||
             ...));
      },
      Message::kFields);
  if (taken == Taken::yes) seen |= row;
  return taken != Taken::damaged;
}

template <class Message>
WireError missing(std::uint64_t rows) noexcept {
  WireError error{.fault = Fault::missing_field, .part = Message::kName};
  std::uint64_t row = 1;
  std::apply(
      [&](const auto&... each) {
        ((error.found = (rows & row) != 0 && error.found == 0 ? each.number : error.found, row <<= 1), ...);
      },
      Message::kFields);
  return error;
}

template <class Message>
bool decode_fields(std::string_view bytes, Message& message, WireError& error, int depth) noexcept {
  std::uint64_t seen = 0;
  FieldReader in(bytes);
  if (depth < kDepthMax) {
    while (in.next()) {
      if (take_field(in, message, seen, error, depth)) continue;
      if (error.part.empty()) error.part = Message::kName;
      return false;
    }
  }
  if (in.damaged() || depth >= kDepthMax) {
    error = {.fault = Fault::bad_protobuf, .part = Message::kName};
    return false;
  }
  constexpr std::uint64_t kRows = required_rows<Message>();
  if ((seen & kRows) == kRows) return true;
  error = missing<Message>(kRows & ~seen);
  return false;
}

}  // namespace geminga::wire::pulsar::decoding
