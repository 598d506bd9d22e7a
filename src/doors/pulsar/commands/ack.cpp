#include <optional>

#include <fmt/format.h>

#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/entries.hpp"
#include "doors/pulsar/receiver.hpp"

namespace geminga::doors::pulsar::commands {

namespace {

void answer(Session& session, std::uint64_t consumer_id, std::optional<std::uint64_t> request_id,
            const Result<>& done) {
  if (!request_id) return;
  wire::CommandAckResponse response{.consumer_id = consumer_id, .request_id = *request_id};
  if (!done) {
    response.error = server_error(done.error().code);
    response.message = std::string_view(done.error().message);
  }
  session.reply(response);
}

/// A bit for each message that a batch can have.
Result<> check_words(const Session& session, const wire::CommandAck& command) {
  const std::size_t words_max = session.host().frame_bytes_max() / kBatchMessageBytesMin / 64 + 1;
  for (const wire::MessageIdData& id : command.message_id) {
    if (id.ack_set.size() > words_max)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("an ack_set of {} words; no batch has more messages than {} words say",
                              id.ack_set.size(), words_max));
  }
  return {};
}

Result<> check(const Session& session, const wire::CommandAck& command) {
  if (command.txnid_most_bits.present() || command.txnid_least_bits.present())
    return fail(ErrorCode::unsupported_by_engine, "transactions are not supported");
  if (command.ack_type == wire::AckType::cumulative && command.message_id.size() != 1)
    return fail(ErrorCode::invalid_argument, "a cumulative acknowledgement names one message");
  return check_words(session, command);
}

}  // namespace

void ack(Session& session, const wire::CommandAck& command) {
  const std::uint64_t id = command.consumer_id;
  const auto request_id = command.request_id.present() ? std::optional(*command.request_id) : std::nullopt;
  if (const auto good = check(session, command); !good) return answer(session, id, request_id, good);
  const ReceiverPtr receiver = session.receiver(id);
  if (!receiver)  // closed by the broker; what is acknowledged now comes again
    return answer(session, id, request_id, fail(ErrorCode::not_found, "there is no such consumer"));
  receiver->acknowledge(command, session.answer<void>([id, request_id](Session& back, const Result<>& done) {
    answer(back, id, request_id, done);
  }));
}

}  // namespace geminga::doors::pulsar::commands
