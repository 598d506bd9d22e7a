#include "net/listener.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <fmt/core.h>

#include "base/try.hpp"
#include "net/port_holder.hpp"

namespace geminga::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

Result<asio::ip::address> resolve(const std::string& address, const tcp::acceptor::executor_type& executor) {
  boost::system::error_code error;
  const auto literal = asio::ip::make_address(address, error);
  if (!error) return literal;
  tcp::resolver resolver(executor);
  const auto found = resolver.resolve(address, "", tcp::resolver::passive, error);
  if (error || found.empty())
    return fail(ErrorCode::config_error,
                fmt::format("cannot listen on '{}': {}; give an IP address or a name of this machine",
                            address, error.message()));
  return found.begin()->endpoint().address();
}

std::unexpected<Error> bind_error(const tcp::endpoint& endpoint, const boost::system::error_code& error) {
  if (error == asio::error::address_in_use) {
    const std::string holder = describe_port_holder(endpoint.port());
    return fail(ErrorCode::conflict,
                fmt::format("cannot listen on {}: the port is in use{}{}; stop that program or choose "
                            "another port (0 takes a free one)",
                            text_of(endpoint), holder.empty() ? "" : " by ", holder));
  }
  if (error == asio::error::access_denied)
    return fail(
        ErrorCode::forbidden,
        fmt::format("cannot listen on {}: not permitted; choose a port from 1024 on", text_of(endpoint)));
  return fail(ErrorCode::io_error, fmt::format("cannot listen on {}: {}; is it an address of this machine?",
                                               text_of(endpoint), error.message()));
}

}  // namespace

std::string text_of(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return fmt::format(endpoint.address().is_v6() ? fmt::runtime("[{}]:{}") : fmt::runtime("{}:{}"), address,
                     endpoint.port());
}

Result<tcp::endpoint> open_listener(tcp::acceptor& acceptor, const std::string& address, std::uint16_t port) {
  GEMINGA_TRY(const auto resolved, resolve(address, acceptor.get_executor()));
  const tcp::endpoint endpoint(resolved, port);
  tcp::endpoint bound;
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) bound = acceptor.local_endpoint(error);
  if (error) return bind_error(endpoint, error);
  return bound;
}

}  // namespace geminga::net
