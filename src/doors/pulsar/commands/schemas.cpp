#include <string>
#include <utility>
#include <vector>

#include "base/partition_name.hpp"
#include "broker/schemas/schema_registry.hpp"
#include "broker/volatile_topics.hpp"
#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/schema.hpp"

namespace geminga::doors::pulsar::commands {

namespace {

template <class Response>
void fail(Session& session, std::uint64_t request_id, const Error& error) {
  // What there is not is all one to clients: they go on without it.
  const bool missing = error.code == ErrorCode::not_found;
  session.reply(
      Response{.request_id = request_id,
               .error_code = missing ? wire::ServerError::topic_not_found : server_error(error.code),
               .error_message = std::string_view(error.message)});
}

/// "tenant/namespace/topic", without the number of a partition.
std::string name_of(const std::string& topic) {
  const auto part = base::split_partition_name(topic);
  const std::string& whole = part ? part->topic : topic;
  return whole.substr(whole.find("://") + 3);
}

void found(Session& session, std::uint64_t request_id, const std::string& topic,
           const broker::Schema& schema) {
  const std::string name = name_of(topic);
  std::vector<wire::KeyValue> properties;
  for (const auto& [key, value] : schema.definition.properties)
    properties.push_back({.key = key, .value = value});
  const std::string version = version_bytes(schema.version);
  wire::CommandGetSchemaResponse response{.request_id = request_id};
  response.schema = wire::Schema{.name = name,
                                 .schema_data = schema.definition.data,
                                 .type = static_cast<wire::SchemaType>(schema.definition.type),
                                 .properties = properties};
  response.schema_version = std::string_view(version);
  session.reply(response);
}

void created(Session& session, std::uint64_t request_id, std::optional<std::uint64_t> version) {
  const std::string bytes = version_bytes(version);
  wire::CommandGetOrCreateSchemaResponse response{.request_id = request_id};
  response.schema_version = std::string_view(bytes);
  session.reply(response);
}

}  // namespace

void get_schema(Session& session, const wire::CommandGetSchema& command) {
  using Response = wire::CommandGetSchemaResponse;
  const std::uint64_t id = command.request_id;
  const auto topic = session.topic(command.topic, std::nullopt);
  if (!topic) return fail<Response>(session, id, topic.error());
  std::optional<std::uint64_t> version;
  if (command.schema_version.present()) {
    const auto parsed = parse_version(*command.schema_version);
    if (!parsed) return fail<Response>(session, id, parsed.error());
    version = *parsed;
  }
  session.broker().schemas().find(
      *topic, version,
      session.answer<broker::Schema>(
          [id, topic = *topic](Session& back, const Result<broker::Schema>& schema) {
            if (!schema) return fail<Response>(back, id, schema.error());
            found(back, id, topic, *schema);
          },
          Session::kListWeight));
}

/// As a producer that brings it, of a topic that is there.
void get_or_create_schema(Session& session, const wire::CommandGetOrCreateSchema& command) {
  using Response = wire::CommandGetOrCreateSchemaResponse;
  using Version = std::optional<std::uint64_t>;
  const std::uint64_t id = command.request_id;
  const auto topic = session.topic(command.topic, auth::Permission::produce);
  if (!topic) return fail<Response>(session, id, topic.error());
  auto schema = schema_of(command.schema);
  if (!schema) return fail<Response>(session, id, schema.error());
  if (!*schema) return created(session, id, std::nullopt);  // of a dead letter, in the Java client
  if (broker::VolatileTopics::names(*topic)) {
    if (const auto good = check_unkept(*schema); !good) return fail<Response>(session, id, good.error());
    return created(session, id, std::nullopt);
  }
  auto answer = session.answer<Version>([id](Session& back, const Result<Version>& version) {
    if (!version) return fail<Response>(back, id, version.error());
    created(back, id, *version);
  });
  session.broker().open_topic(*topic, false,
                              [&broker = session.broker(), schema = *std::move(schema),
                               answer = std::move(answer)](Result<broker::TopicPtr> opened) mutable {
                                if (!opened) return answer(std::unexpected(std::move(opened).error()));
                                broker.schemas().admit_producer(*std::move(opened), schema,
                                                                std::move(answer));
                              });
}

}  // namespace geminga::doors::pulsar::commands
