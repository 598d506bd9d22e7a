#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/receiver.hpp"

namespace geminga::doors::pulsar::commands {

void unsubscribe(Session& session, const wire::CommandUnsubscribe& command) {
  const std::uint64_t id = command.request_id;
  const ReceiverPtr receiver = session.receiver(command.consumer_id);
  if (!receiver) return session.refuse(id, {ErrorCode::not_found, "there is no such consumer"});
  receiver->unsubscribe(session.answer<void>([id, receiver](Session& back, const Result<>& gone) {
    if (!gone) return back.refuse(id, gone.error());
    back.remove(*receiver);
    receiver->drop();
    back.succeed(id);
  }));
}

}  // namespace geminga::doors::pulsar::commands
