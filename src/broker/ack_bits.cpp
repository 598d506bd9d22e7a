#include "broker/ack_bits.hpp"

#include <algorithm>
#include <bit>

namespace geminga::broker {

void merge(AckBits& into, const AckBits& more) {
  into.resize(std::max(into.size(), more.size()));
  for (std::size_t i = 0; i < more.size(); ++i) into[i] |= more[i];
}

std::uint32_t count(const AckBits& bits, std::uint32_t messages) {
  std::uint32_t set = 0;
  for (std::size_t word = 0; word < bits.size() && word * 64 < messages; ++word) {
    const std::uint64_t left = messages - word * 64;
    const std::uint64_t mask = left >= 64 ? ~0ULL : (1ULL << left) - 1;
    set += static_cast<std::uint32_t>(std::popcount(bits[word] & mask));
  }
  return set;
}

}  // namespace geminga::broker
