#include "broker/ack_bits.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace geminga::broker {

AckBits of_messages(AckBits bits, std::uint32_t messages) {
  const std::size_t words = (static_cast<std::size_t>(messages) + 63) / 64;
  if (bits.size() > words) bits.resize(words);
  if (bits.size() == words && messages % 64 != 0) bits.back() &= (1ULL << messages % 64) - 1;
  return bits;
}

AckBits all_but(const AckBits& bits, std::uint32_t messages) {
  AckBits others((static_cast<std::size_t>(messages) + 63) / 64, ~std::uint64_t{0});
  for (std::size_t i = 0; i < std::min(bits.size(), others.size()); ++i) others[i] = ~bits[i];
  return of_messages(std::move(others), messages);
}

void merge(AckBits& into, const AckBits& more) {
  into.resize(std::max(into.size(), more.size()));
  for (std::size_t i = 0; i < more.size(); ++i) into[i] |= more[i];
}

std::uint32_t count(const AckBits& bits, std::uint32_t messages) {
  std::uint32_t set = 0;
  for (const std::uint64_t word : of_messages(bits, messages))
    set += static_cast<std::uint32_t>(std::popcount(word));
  return set;
}

}  // namespace geminga::broker
