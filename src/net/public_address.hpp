#pragma once

#include <cstdint>
#include <string_view>

struct sockaddr;

namespace geminga::net {

/// Whom an address reaches.
enum class AddressKind : std::uint8_t {
  everybody,        ///< see is_public_address()
  this_machine,     ///< loopback
  private_network,  ///< of a house or a company, also shared by customers of a provider
  special,          ///< all else: one link (there clouds tell machines their secrets), many at once, reserved
};
AddressKind kind_of(const sockaddr& address);
/// Of an address as it stands in a URL ("127.0.0.1", "[fd00::1]") or a name of this machine ("localhost",
/// "a.localhost"); `everybody` for any other name: what it stands for shows when the connection is made.
AddressKind kind_of_host(std::string_view host);

/// False for addresses that mean something only here: of this machine, of a private or shared network, of one
/// link, for many at once, or reserved (IANA's special-purpose registries; also inside of IPv6 forms of
/// IPv4), and for families other than IPv4 and IPv6.
bool is_public_address(const sockaddr& address);

}  // namespace geminga::net
