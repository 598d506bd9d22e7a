#pragma once

#include <cstdint>
#include <string>

namespace geminga::net {

/// Who listens on this TCP port of this machine, as "process 123 (geminga)"; empty when that cannot be seen
/// (another user's process, another network namespace). Reads /proc; may block.
std::string describe_port_holder(std::uint16_t port);

}  // namespace geminga::net
