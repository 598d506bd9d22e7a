#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace geminga::base {

/// 128 bits that stand for a text. With a random key nobody can make two texts that share them, and by chance
/// it does not happen.
struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Hash128&) const = default;
};

/// SipHash-2-4 with an output of 128 bits (Aumasson, Bernstein: "SipHash: a fast short-input PRF").
Hash128 siphash_128(std::string_view text, Hash128 key) noexcept;

}  // namespace geminga::base

template <>
struct std::hash<geminga::base::Hash128> {
  std::size_t operator()(const geminga::base::Hash128& value) const noexcept { return value.low; }
};
