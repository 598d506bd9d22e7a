#include "base/murmur3.hpp"

#include <bit>
#include <cstring>

namespace geminga::base {
namespace {

std::uint32_t load32(const char* bytes) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

std::uint32_t mix(std::uint32_t block) {
  return std::rotl(block * 0xcc9e2d51U, 15) * 0x1b873593U;
}

}  // namespace

std::uint32_t murmur3_31(std::string_view bytes) {
  std::uint32_t hash = 0;
  std::string_view rest = bytes;
  for (; rest.size() >= 4; rest.remove_prefix(4))
    hash = std::rotl(hash ^ mix(load32(rest.data())), 13) * 5 + 0xe6546b64U;
  std::uint32_t tail = 0;
  for (std::size_t i = rest.size(); i > 0; --i) tail = (tail << 8) | static_cast<unsigned char>(rest[i - 1]);
  if (!rest.empty()) hash ^= mix(tail);
  hash ^= static_cast<std::uint32_t>(bytes.size());
  hash = (hash ^ (hash >> 16)) * 0x85ebca6bU;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35U;
  hash ^= hash >> 16;
  return hash & 0x7fffffffU;
}

}  // namespace geminga::base
