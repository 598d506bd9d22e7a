#include <vector>

#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/positions.hpp"
#include "doors/pulsar/receiver.hpp"

namespace geminga::doors::pulsar::commands {

void redeliver(Session& session, const wire::CommandRedeliverUnacknowledgedMessages& command) {
  const ReceiverPtr receiver = session.receiver(command.consumer_id);
  if (!receiver || !receiver->consumer()) return;
  if (command.message_ids.empty()) return receiver->consumer()->redeliver_all();
  std::vector<MessageId> ids;
  ids.reserve(command.message_ids.size());
  for (const wire::MessageIdData& id : command.message_ids) ids.push_back(id_of(id));
  receiver->consumer()->redeliver_ids(std::move(ids));
}

}  // namespace geminga::doors::pulsar::commands
