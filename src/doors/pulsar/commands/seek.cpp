#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/positions.hpp"
#include "doors/pulsar/receiver.hpp"

namespace geminga::doors::pulsar::commands {

namespace {

Result<SeekTarget> target(const wire::CommandSeek& command) {
  if (command.message_id.present()) return target_of(*command.message_id);
  if (command.message_publish_time.present())
    return Timestamp{std::chrono::milliseconds{static_cast<std::int64_t>(*command.message_publish_time)}};
  return fail(ErrorCode::invalid_argument, "a seek needs a message or a time");
}

}  // namespace

/// The consumers of the subscription are closed on the way and subscribe again (Receiver::close_by_broker):
/// what was sent to them and the permits that they gave for it belong to the position before.
void seek(Session& session, const wire::CommandSeek& command) {
  const std::uint64_t id = command.request_id;
  const ReceiverPtr receiver = session.receiver(command.consumer_id);
  if (!receiver || !receiver->opened())
    return session.refuse(id, {ErrorCode::not_found, "there is no such consumer"});
  const auto to = target(command);
  if (!to) return session.refuse(id, to.error());
  if (receiver->consumer()) {
    return receiver->consumer()->seek(*to, session.answer<void>([id](Session& back, const Result<>& done) {
      if (!done) return back.refuse(id, done.error());
      back.succeed(id);
    }));
  }
  // A reader's position is its client's, which names it when it comes again; but for a time, which it cannot.
  if (const auto* time = std::get_if<Timestamp>(&*to))
    session.seeks(receiver->topic(), receiver->place().subscription, *time);
  receiver->close_by_broker();
  session.succeed(id);
}

}  // namespace geminga::doors::pulsar::commands
