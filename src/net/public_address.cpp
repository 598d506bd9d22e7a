#include "net/public_address.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <netinet/in.h>

namespace geminga::net {
namespace {

struct Block4 {
  std::uint32_t first;
  int bits;
};
constexpr std::array kNotPublic4{
    Block4{0x00000000, 8},   // this network
    Block4{0x0A000000, 8},   // private
    Block4{0x64400000, 10},  // shared by customers of a provider
    Block4{0x7F000000, 8},   // this machine
    Block4{0xA9FE0000, 16},  // one link, among it what clouds tell their machines
    Block4{0xAC100000, 12},  // private
    Block4{0xC0000000, 24},  // protocol assignments
    Block4{0xC0000200, 24},  // documentation
    Block4{0xC0A80000, 16},  // private
    Block4{0xC6120000, 15},  // benchmarks
    Block4{0xC6336400, 24},  // documentation
    Block4{0xCB007100, 24},  // documentation
    Block4{0xE0000000, 3},   // multicast, reserved, broadcast
};

bool is_public4(std::uint32_t address) {
  return std::ranges::none_of(kNotPublic4, [address](const Block4& block) {
    return (address ^ block.first) >> static_cast<unsigned>(32 - block.bits) == 0;
  });
}

std::uint32_t number_at(const std::uint8_t* bytes) {
  return static_cast<std::uint32_t>(bytes[0]) << 24U | static_cast<std::uint32_t>(bytes[1]) << 16U |
         static_cast<std::uint32_t>(bytes[2]) << 8U | bytes[3];
}

bool is_public6(const std::uint8_t* bytes) {
  const std::uint32_t high = number_at(bytes);
  if (high == 0x0064FF9BU && number_at(bytes + 4) == 0 && number_at(bytes + 8) == 0)
    return is_public4(number_at(bytes + 12));                             // 64:ff9b::/96, translated IPv4
  if ((high & 0xE0000000U) != 0x20000000U) return false;                  // only 2000::/3 is given out
  if ((high >> 16U) == 0x2002U) return is_public4(number_at(bytes + 2));  // 6to4
  if (high == 0x20010000U || high == 0x20010DB8U) return false;           // Teredo, documentation
  return true;
}

}  // namespace

bool is_public_address(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    return is_public4(ntohl(v4.sin_addr.s_addr));
  }
  if (address.sa_family != AF_INET6) return false;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  return is_public6(v6.sin6_addr.s6_addr);
}

}  // namespace geminga::net
