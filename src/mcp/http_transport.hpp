#pragma once

#include <memory>

#include "mcp/server_config.hpp"
#include "mcp/transport.hpp"

namespace geminga::base {
class EventLoop;
}
namespace geminga::net {
class HttpClient;
}

namespace geminga::mcp {

/// Streamable HTTP: each message a POST, answered by JSON or a stream of events; what the server says unasked
/// comes on a GET stream where it has one. `loop` and `client` must live longer.
std::unique_ptr<Transport> make_http_transport(base::EventLoop& loop, net::HttpClient& client,
                                               std::string name, HttpEndpoint endpoint,
                                               std::size_t max_message_bytes);

}  // namespace geminga::mcp
