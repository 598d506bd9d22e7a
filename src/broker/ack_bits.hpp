#pragma once

#include <cstdint>
#include <vector>

namespace geminga::broker {

/// Which messages of a batch entry are acknowledged: a bit a message, set = acknowledged. Missing words are
/// 0.
using AckBits = std::vector<std::uint64_t>;

/// Without bits behind the last message.
[[nodiscard]] AckBits of_messages(AckBits bits, std::uint32_t messages);
/// The other ones of `messages`.
[[nodiscard]] AckBits all_but(const AckBits& bits, std::uint32_t messages);
void merge(AckBits& into, const AckBits& more);
[[nodiscard]] inline bool holds(const AckBits& bits, std::uint32_t message) {
  return message / 64 < bits.size() && (bits[message / 64] >> message % 64 & 1) != 0;
}
/// Of the first `messages` ones.
[[nodiscard]] std::uint32_t count(const AckBits& bits, std::uint32_t messages);

}  // namespace geminga::broker
