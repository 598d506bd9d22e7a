#pragma once

struct sockaddr;

namespace geminga::net {

/// False for addresses that mean something only here: of this machine, of a private or shared network, of one
/// link, for many at once, or reserved (IANA's special-purpose registries; also inside of IPv6 forms of
/// IPv4), and for families other than IPv4 and IPv6.
bool is_public_address(const sockaddr& address);

}  // namespace geminga::net
