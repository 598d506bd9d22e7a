#pragma once

#include <cstdint>
#include <string>

#include <boost/asio/ip/tcp.hpp>

#include <geminga/error.hpp>

namespace geminga::net {

/// Binds `acceptor` to an IP address or a name that resolves to one, port 0 being a free one, and listens;
/// what it is bound to. Errors: config_error (address that does not parse or resolve), conflict (address in
/// use; says by whom where that can be seen), forbidden (privileged port), io_error.
Result<boost::asio::ip::tcp::endpoint> open_listener(boost::asio::ip::tcp::acceptor& acceptor,
                                                     const std::string& address, std::uint16_t port);

/// "127.0.0.1:8080", "[::1]:8080"
std::string text_of(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace geminga::net
