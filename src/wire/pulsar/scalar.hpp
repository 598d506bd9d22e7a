#pragma once

#include <bit>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace geminga::wire::pulsar {

/// bool, whole numbers and enumerations. An enumeration whose values go from 0 to `last_of(E)`.
template <class T>
concept VarintScalar = std::is_integral_v<T> || std::is_enum_v<T>;

template <class T>
concept Scalar = VarintScalar<T> || std::is_same_v<T, double>;

/// False for a value that the enumeration does not have; proto2 takes such a field for absent.
template <VarintScalar T>
constexpr bool from_varint(std::uint64_t wire, T& value) noexcept {
  if constexpr (std::is_enum_v<T>) {
    if (wire > static_cast<std::uint64_t>(last_of(T{}))) return false;
    value = static_cast<T>(wire);
  } else if constexpr (std::is_same_v<T, bool>) {
    value = wire != 0;
  } else {
    value = static_cast<T>(wire);
  }
  return true;
}

/// Negative numbers of 32 bits take ten bytes, as those of 64 do.
template <VarintScalar T>
constexpr std::uint64_t to_varint(T value) noexcept {
  if constexpr (std::is_same_v<T, std::int32_t>)
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
  else
    return static_cast<std::uint64_t>(value);
}

}  // namespace geminga::wire::pulsar
