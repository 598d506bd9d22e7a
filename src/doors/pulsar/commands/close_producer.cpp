#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/sender.hpp"

namespace geminga::doors::pulsar::commands {

void close_producer(Session& session, const wire::CommandCloseProducer& command) {
  session.forget_closed(command.producer_id);
  const SenderPtr sender = session.sender(command.producer_id);
  // The broker may have closed it at the same time.
  if (!sender) return session.succeed(command.request_id);
  session.remove(*sender, false);
  if (!sender->producer()) return session.succeed(command.request_id);
  sender->close([id = command.request_id](Session& back) { back.succeed(id); });
}

}  // namespace geminga::doors::pulsar::commands
