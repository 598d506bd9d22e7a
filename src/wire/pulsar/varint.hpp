#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

/// Numbers of seven bits a byte, the least significant first (Protocol Buffers, "Encoding"), and the sizes in
/// front of a frame's parts, which are big endian.
namespace geminga::wire::pulsar {

inline constexpr int kVarintBytesMax = 10;
inline constexpr int kVarint32BytesMax = 5;   ///< of a field's number or size
inline constexpr std::size_t kSizeBytes = 4;  ///< of a size in front of a part

/// Moves `at` behind the number; nullptr where it does not end before `end` or has more than `bytes_max`.
inline const char* read_varint(const char* at, const char* end, std::uint64_t& value,
                               int bytes_max = kVarintBytesMax) noexcept {
  value = 0;
  for (int i = 0; i < bytes_max && at != end; ++i) {
    const auto byte = static_cast<std::uint8_t>(*at++);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);  // what is beyond 64 bits falls off
    if (byte < 0x80) return at;
  }
  return nullptr;
}

inline char* write_varint(char* at, std::uint64_t value) noexcept {
  while (value >= 0x80) {
    *at++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<char>(value);
  return at;
}

inline std::size_t varint_size(std::uint64_t value) noexcept {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

template <class T>
inline T read_big_endian(const char* at) noexcept {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>((value << 8) | static_cast<std::uint8_t>(at[i]));
  return value;
}

template <class T>
inline char* write_big_endian(char* at, T value) noexcept {
  for (std::size_t i = sizeof(T); i-- > 0;) *at++ = static_cast<char>(value >> (8 * i));
  return at;
}

}  // namespace geminga::wire::pulsar
