#include <fmt/format.h>

#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/sender.hpp"

namespace geminga::doors::pulsar::commands {

void send(Session& session, const wire::CommandSend& command, std::string_view entry) {
  const SenderPtr sender = session.sender(command.producer_id);
  if (sender && sender->producer()) return sender->send(command, entry);
  // What was on its way when the broker closed it comes again over the producer that the client makes anew.
  if (session.was_closed(command.producer_id)) return;
  session.end(fmt::format("SEND of producer {}, which there is not", command.producer_id));
}

}  // namespace geminga::doors::pulsar::commands
