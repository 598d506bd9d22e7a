#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <tuple>

#include "wire/pulsar/codec.hpp"

/// How codec.cpp encodes: sizes first, because a message within a message has its own in front. For it only.
namespace geminga::wire::pulsar::encoding {

template <class T>
constexpr WireType wire_type() {
  if constexpr (VarintScalar<T>)
    return WireType::varint;
  else if constexpr (std::is_same_v<T, double>)
    return WireType::fixed64;
  else
    return WireType::bytes;
}

template <class T>
std::size_t size_of_value(std::uint32_t number, const T& value) noexcept {
  const std::size_t tag = varint_size(std::uint64_t{number} << 3);
  if constexpr (VarintScalar<T>) {
    return tag + varint_size(to_varint(value));
  } else if constexpr (std::is_same_v<T, double>) {
    return tag + sizeof(double);
  } else {
    std::size_t size = 0;
    if constexpr (std::is_same_v<T, std::string_view>)
      size = value.size();
    else
      size = encoded_size(value);
    return tag + varint_size(size) + size;
  }
}

template <class T>
char* write_value(char* at, std::uint32_t number, const T& value) noexcept {
  at = write_varint(at, (std::uint64_t{number} << 3) | static_cast<std::uint64_t>(wire_type<T>()));
  if constexpr (VarintScalar<T>) {
    return write_varint(at, to_varint(value));
  } else if constexpr (std::is_same_v<T, double>) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (int i = 0; i < 8; ++i) *at++ = static_cast<char>(bits >> (8 * i));
    return at;
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    at = write_varint(at, value.size());
    if (!value.empty()) std::memcpy(at, value.data(), value.size());
    return at + value.size();
  } else {
    at = write_varint(at, encoded_size(value));
    return encode(value, at);
  }
}

template <class T>
std::size_t size_of(std::uint32_t number, const T& member) noexcept {
  return size_of_value(number, member);
}
template <class T>
std::size_t size_of(std::uint32_t number, const Optional<T>& member) noexcept {
  return member.present() ? size_of_value(number, *member) : 0;
}
template <class T>
std::size_t size_of(std::uint32_t number, const Repeated<T>& member) noexcept {
  std::size_t size = 0;
  for (const T& value : member) size += size_of_value(number, value);
  return size;
}

template <class T>
char* write(char* at, std::uint32_t number, const T& member) noexcept {
  return write_value(at, number, member);
}
template <class T>
char* write(char* at, std::uint32_t number, const Optional<T>& member) noexcept {
  return member.present() ? write_value(at, number, *member) : at;
}
template <class T>
char* write(char* at, std::uint32_t number, const Repeated<T>& member) noexcept {
  for (const T& value : member) at = write_value(at, number, value);
  return at;
}

}  // namespace geminga::wire::pulsar::encoding
