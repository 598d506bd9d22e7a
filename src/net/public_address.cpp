#include "net/public_address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstdint>
#include <cstring>
#include <netinet/in.h>
#include <string>

namespace geminga::net {
namespace {

struct Block4 {
  std::uint32_t first;
  int bits;
  AddressKind kind = AddressKind::special;
};
constexpr std::array kNotPublic4{
    Block4{0x00000000, 8},                                 // this network
    Block4{0x0A000000, 8, AddressKind::private_network},   // private
    Block4{0x64400000, 10, AddressKind::private_network},  // shared by customers of a provider
    Block4{0x7F000000, 8, AddressKind::this_machine},      // this machine
    Block4{0xA9FE0000, 16},  // one link, among it what clouds tell their machines
    Block4{0xAC100000, 12, AddressKind::private_network},  // private
    Block4{0xC0000000, 24},                                // protocol assignments
    Block4{0xC0000200, 24},                                // documentation
    Block4{0xC0A80000, 16, AddressKind::private_network},  // private
    Block4{0xC6120000, 15},                                // benchmarks
    Block4{0xC6336400, 24},                                // documentation
    Block4{0xCB007100, 24},                                // documentation
    Block4{0xE0000000, 3},                                 // multicast, reserved, broadcast
};

AddressKind kind_of4(std::uint32_t address) {
  const auto block = std::ranges::find_if(kNotPublic4, [address](const Block4& one) {
    return (address ^ one.first) >> static_cast<unsigned>(32 - one.bits) == 0;
  });
  return block == kNotPublic4.end() ? AddressKind::everybody : block->kind;
}

std::uint32_t number_at(const std::uint8_t* bytes) {
  return static_cast<std::uint32_t>(bytes[0]) << 24U | static_cast<std::uint32_t>(bytes[1]) << 16U |
         static_cast<std::uint32_t>(bytes[2]) << 8U | bytes[3];
}

AddressKind kind_of6(const std::uint8_t* bytes) {
  const std::uint32_t high = number_at(bytes);
  const bool rest_is_zero = high == 0 && number_at(bytes + 4) == 0;
  if (rest_is_zero && number_at(bytes + 8) == 0 && number_at(bytes + 12) == 1)
    return AddressKind::this_machine;
  if (rest_is_zero && number_at(bytes + 8) == 0xFFFFU) {  // ::ffff:0:0/96, IPv4 by another name
    const AddressKind inner = kind_of4(number_at(bytes + 12));
    return inner == AddressKind::everybody ? AddressKind::special : inner;
  }
  if (high == 0x0064FF9BU && number_at(bytes + 4) == 0 && number_at(bytes + 8) == 0)
    return kind_of4(number_at(bytes + 12));  // 64:ff9b::/96, translated IPv4
  if ((high & 0xFE000000U) == 0xFC000000U) return AddressKind::private_network;  // fc00::/7
  if ((high & 0xE0000000U) != 0x20000000U) return AddressKind::special;          // only 2000::/3 is given out
  if ((high >> 16U) == 0x2002U) return kind_of4(number_at(bytes + 2));           // 6to4
  if (high == 0x20010000U || high == 0x20010DB8U) return AddressKind::special;   // Teredo, documentation
  return AddressKind::everybody;
}

}  // namespace

AddressKind kind_of(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    return kind_of4(ntohl(v4.sin_addr.s_addr));
  }
  if (address.sa_family != AF_INET6) return AddressKind::special;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  return kind_of6(v6.sin6_addr.s6_addr);
}

AddressKind kind_of_host(std::string_view host) {
  std::string text(host);
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (text.ends_with('.')) text.pop_back();
  if (text == "localhost" || text.ends_with(".localhost")) return AddressKind::this_machine;
  if (in_addr v4{}; ::inet_pton(AF_INET, text.c_str(), &v4) == 1) return kind_of4(ntohl(v4.s_addr));
  if (!text.starts_with('[') || !text.ends_with(']')) return AddressKind::everybody;
  in6_addr v6{};
  text = text.substr(1, text.size() - 2);
  return ::inet_pton(AF_INET6, text.c_str(), &v6) == 1 ? kind_of6(v6.s6_addr) : AddressKind::special;
}

bool is_public_address(const sockaddr& address) {
  return kind_of(address) == AddressKind::everybody;
}

}  // namespace geminga::net
