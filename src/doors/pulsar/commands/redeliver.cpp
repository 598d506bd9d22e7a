#include <vector>

#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/receiver.hpp"

namespace geminga::doors::pulsar::commands {

void redeliver(Session& session, const wire::CommandRedeliverUnacknowledgedMessages& command) {
  const ReceiverPtr receiver = session.receiver(command.consumer_id);
  if (!receiver || !receiver->consumer()) return;
  if (command.message_ids.empty()) return receiver->consumer()->redeliver_all();
  std::vector<EntryId> entries;
  entries.reserve(command.message_ids.size());
  for (const wire::MessageIdData& id : command.message_ids) entries.push_back(EntryId{id.entry_id});
  receiver->consumer()->redeliver(std::move(entries), std::chrono::milliseconds{0}, true);
}

}  // namespace geminga::doors::pulsar::commands
