#include "doors/pulsar/commands/commands.hpp"

namespace geminga::doors::pulsar::commands {

void ping(Session& session, const wire::CommandPing& /*command*/) {
  session.reply(wire::CommandPong{});
}

/// That something came is all that it says, and the connection has seen that.
void pong(Session& /*session*/, const wire::CommandPong& /*command*/) {}

}  // namespace geminga::doors::pulsar::commands
