#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/receiver.hpp"

namespace geminga::doors::pulsar::commands {

void close_consumer(Session& session, const wire::CommandCloseConsumer& command) {
  const std::uint64_t id = command.request_id;
  const ReceiverPtr receiver = session.receiver(command.consumer_id);
  // The broker may have closed it at the same time.
  if (!receiver) return session.succeed(id);
  session.remove(*receiver);
  receiver->close(session.answer<void>([id, receiver](Session& back, const Result<>&) {
    receiver->drop();
    back.succeed(id);
  }));
}

}  // namespace geminga::doors::pulsar::commands
