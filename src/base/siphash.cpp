#include "base/siphash.hpp"

#include <bit>

namespace geminga::base {
namespace {

struct State {
  std::uint64_t v0, v1, v2, v3;

  void rounds(int count) {
    for (int i = 0; i < count; ++i) {
      v0 += v1;
      v1 = std::rotl(v1, 13) ^ v0;
      v0 = std::rotl(v0, 32);
      v2 += v3;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1;
      v1 = std::rotl(v1, 17) ^ v2;
      v2 = std::rotl(v2, 32);
    }
  }
  void take(std::uint64_t word) {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  [[nodiscard]] std::uint64_t output() {
    rounds(4);
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

/// Little-endian, whatever the machine; at most 8 bytes.
std::uint64_t word_of(std::string_view bytes) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    word |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return word;
}

}  // namespace

Hash128 siphash_128(std::string_view text, Hash128 key) noexcept {
  State state{.v0 = key.low ^ 0x736f6d6570736575,
              .v1 = key.high ^ 0x646f72616e646f6d ^ 0xee,
              .v2 = key.low ^ 0x6c7967656e657261,
              .v3 = key.high ^ 0x7465646279746573};
  std::string_view rest = text;
  for (; rest.size() >= 8; rest.remove_prefix(8)) state.take(word_of(rest.substr(0, 8)));
  state.take(word_of(rest) | static_cast<std::uint64_t>(text.size()) << 56);
  state.v2 ^= 0xee;
  const std::uint64_t low = state.output();
  state.v1 ^= 0xdd;
  return {.low = low, .high = state.output()};
}

}  // namespace geminga::base
