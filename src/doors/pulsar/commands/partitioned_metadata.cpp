#include "base/partition_name.hpp"
#include "doors/pulsar/commands/commands.hpp"

namespace geminga::doors::pulsar::commands {

namespace {

using wire::PartitionedMetadataResult;
using Response = wire::CommandPartitionedTopicMetadataResponse;

void fail(Session& session, std::uint64_t request_id, const Error& error) {
  session.reply(Response{.request_id = request_id,
                         .response = PartitionedMetadataResult::failed,
                         .error = server_error(error.code),
                         .message = std::string_view(error.message)});
}

void answer(Session& session, std::uint64_t request_id, std::uint32_t partitions) {
  session.reply(Response{
      .partitions = partitions, .request_id = request_id, .response = PartitionedMetadataResult::success});
}

}  // namespace

/// 0: no partitions. A topic is made when a producer or consumer comes, so one that is not there has none; a
/// client that says that nothing is to be made wants to hear that it is not there.
void partitioned_metadata(Session& session, const wire::CommandPartitionedTopicMetadata& command) {
  const std::uint64_t id = command.request_id;
  const auto topic = session.topic(command.topic, std::nullopt);
  if (!topic) return fail(session, id, topic.error());
  const std::uint32_t partitions = session.broker().partitions(*topic);
  if (partitions > 0 || *command.metadata_auto_creation_enabled) return answer(session, id, partitions);
  session.broker().open_topic(
      *topic, false,
      session.answer<broker::TopicPtr>([id](Session& back, const Result<broker::TopicPtr>& found) {
        if (!found) return fail(back, id, found.error());
        answer(back, id, 0);
      }));
}

}  // namespace geminga::doors::pulsar::commands
