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

namespace geminga::mcp::oauth {
class Authorizer;
}

namespace geminga::mcp {

/// Streamable HTTP: each message a POST, answered by JSON or a stream of events; what the server says unasked
/// comes on a GET stream where it has one. A stream that ends before its answer is gone on with where the
/// server gives its events ids. `loop` and `client` must live longer. Without `authorizer` what is refused
/// stays refused.
std::unique_ptr<Transport> make_http_transport(base::EventLoop& loop, net::HttpClient& client,
                                               std::string name, HttpEndpoint endpoint,
                                               std::size_t max_message_bytes,
                                               std::shared_ptr<oauth::Authorizer> authorizer);

}  // namespace geminga::mcp
