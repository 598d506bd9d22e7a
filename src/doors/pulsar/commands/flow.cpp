#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/receiver.hpp"

namespace geminga::doors::pulsar::commands {

/// Of a consumer that the broker closed there may still come some.
void flow(Session& session, const wire::CommandFlow& command) {
  const ReceiverPtr receiver = session.receiver(command.consumer_id);
  if (receiver && command.message_permits > 0)
    receiver->flow({.messages = command.message_permits, .bytes = 0});
}

}  // namespace geminga::doors::pulsar::commands
