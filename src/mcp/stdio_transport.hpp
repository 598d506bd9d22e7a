#pragma once

#include <memory>

#include "mcp/child_process.hpp"
#include "mcp/transport.hpp"

namespace geminga::base {
class EventLoop;
}

namespace geminga::mcp {

/// A server as a child process: one message a line on its stdin and stdout, what it writes to stderr kept for
/// people. `loop` must live longer. `name` stands in log lines.
std::unique_ptr<Transport> make_stdio_transport(base::EventLoop& loop, std::string name,
                                                StdioEndpoint endpoint, ReaperCommand reaper,
                                                std::size_t max_message_bytes);

}  // namespace geminga::mcp
