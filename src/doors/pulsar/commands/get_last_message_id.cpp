#include <memory>
#include <optional>
#include <vector>

#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/receiver.hpp"

namespace geminga::doors::pulsar::commands {

namespace {

constexpr std::uint64_t kNone = ~std::uint64_t{0};  ///< of a topic that has no message

/// The request, and what was found so far.
struct Question {
  std::uint64_t request_id = 0;
  ReceiverPtr receiver;
  std::optional<MessageId> last;
  std::int32_t batch_index = -1;  ///< of the last message in its entry

  [[nodiscard]] const Receiver::Place& place() const { return receiver->place(); }
};

/// `more`: the consumer has something in front of it, of all that came since it began.
void answer(Session& session, const Question& question, std::optional<bool> more) {
  wire::CommandGetLastMessageIdResponse response{
      .last_message_id = {.ledger_id = question.last ? question.last->ledger.value : kNone,
                          .entry_id = question.last ? question.last->entry.value : kNone},
      .request_id = question.request_id};
  if (question.place().partition >= 0) response.last_message_id.partition = question.place().partition;
  if (question.batch_index >= 0) response.last_message_id.batch_index = question.batch_index;
  if (more && question.last) {
    // A client asks whether it lies before the last message, no more.
    response.consumer_mark_delete_position =
        wire::MessageIdData{.ledger_id = question.last->ledger.value,
                            .entry_id = *more ? question.last->entry.value - 1 : question.last->entry.value};
  }
  session.reply(response);
}

/// One who began at the end of the topic knows no message that it could compare with.
void find_position(Session& session, const Question& question) {
  const broker::ReaderPtr& reader = question.receiver->reader();
  if (!reader) return answer(session, question, std::nullopt);
  reader->has_more(std::nullopt, session.answer<bool>([question](Session& back, const Result<bool>& more) {
    if (!more) return back.refuse(question.request_id, more.error());
    answer(back, question, *more);
  }));
}

/// The last message of a batch has an index in it, which only the entry knows.
void look_into_entry(Session& session, const Question& question) {
  std::optional<MessageId> before;
  if (question.last->entry.value > 0)
    before = MessageId{.ledger = question.last->ledger, .entry = EntryId{question.last->entry.value - 1}};
  auto found = [question = Question(question)](Session& back,
                                               const Result<std::vector<storage::Entry>>& entries) mutable {
    if (!entries) return back.refuse(question.request_id, entries.error());
    if (!entries->empty() && (entries->front().header.flags & storage::EntryFlags::kBatch) != 0)
      question.batch_index = static_cast<std::int32_t>(entries->front().header.message_count) - 1;
    find_position(back, question);
  };
  session.broker().browse(question.place().handle, before, 1,
                          session.answer<std::vector<storage::Entry>>(std::move(found)));
}

}  // namespace

void get_last_message_id(Session& session, const wire::CommandGetLastMessageId& command) {
  Question question{.request_id = command.request_id, .receiver = session.receiver(command.consumer_id)};
  if (!question.receiver || !question.receiver->opened())
    return session.refuse(question.request_id, {ErrorCode::not_found, "there is no such consumer"});
  if (!question.place().handle)
    return session.refuse(question.request_id,
                          {ErrorCode::unsupported_by_engine, "a non-persistent topic keeps no message"});
  const broker::TopicPtr topic = question.place().handle;
  session.broker().stats(
      topic, session.answer<TopicStats>([question](Session& back, const Result<TopicStats>& stats) mutable {
        if (!stats) return back.refuse(question.request_id, stats.error());
        question.last = stats->last_message_id;
        if (!question.last) return answer(back, question, std::nullopt);
        look_into_entry(back, question);
      }));
}

}  // namespace geminga::doors::pulsar::commands
