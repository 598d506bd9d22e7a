#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/topic_name.hpp"
#include "base/try.hpp"
#include "broker/schemas/schema_registry.hpp"
#include "broker/volatile_topics.hpp"
#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/positions.hpp"
#include "doors/pulsar/receiver.hpp"
#include "doors/pulsar/schema.hpp"

namespace geminga::doors::pulsar::commands {

namespace {

constexpr std::uint64_t kRollbackMax = 3'000'000'000;  ///< seconds; long before any message

SubscriptionType type_of(wire::SubscriptionType type) {
  switch (type) {
    case wire::SubscriptionType::exclusive:
      break;
    case wire::SubscriptionType::shared:
      return SubscriptionType::shared;
    case wire::SubscriptionType::failover:
      return SubscriptionType::failover;
    case wire::SubscriptionType::key_shared:
      return SubscriptionType::key_shared;
  }
  return SubscriptionType::exclusive;
}

InitialPosition position_of(wire::InitialPosition position) {
  return position == wire::InitialPosition::earliest ? InitialPosition::earliest : InitialPosition::latest;
}

/// A SUBSCRIBE on its way.
struct Opening {
  ReceiverPtr receiver;
  std::uint64_t request_id = 0;
  bool durable = true;               ///< or with several consumers
  broker::SubscribeOptions options;  ///< of such a one
  broker::ReaderStart start;         ///< of a reader
};

template <class Handle>
void opened(Session& session, const Opening& opening, Result<Handle> handle) {
  if (session.receiver(opening.receiver->id()) != opening.receiver) return;  // closed meanwhile
  if (!handle) {
    session.remove(*opening.receiver);
    if (handle.error().code == ErrorCode::consumer_busy)
      session.host().users.doubt(opening.receiver->topic());
    return session.refuse(opening.request_id, handle.error());
  }
  session.succeed(opening.request_id);
  opening.receiver->open(*std::move(handle));
}

template <class Handle>
broker::Done<Handle> answer(Session& session, const Opening& opening) {
  return session.back<Handle>(
      [opening](Session& back, Result<Handle> handle) { opened(back, opening, std::move(handle)); });
}

void with_topic(Session& session, const Opening& opening, const broker::TopicPtr& topic) {
  auto place = opening.receiver->place();
  place.handle = topic;
  place.partition = broker::topic_partition(*topic);
  opening.receiver->set_place(std::move(place));
  auto sink = opening.receiver->sink();
  if (opening.durable)
    return session.broker().subscribe(topic, opening.options, std::move(sink),
                                      answer<broker::ConsumerPtr>(session, opening));
  session.broker().create_reader(topic, opening.start, opening.options.permits, std::move(sink),
                                 answer<broker::ReaderPtr>(session, opening));
}

using Brought = std::optional<broker::SchemaDefinition>;

void with_schema(Session& session, const Opening& opening, const Brought& schema,
                 const broker::TopicPtr& topic) {
  if (!schema) return with_topic(session, opening, topic);
  session.broker().schemas().admit_consumer(
      topic, schema, session.back<void>([opening, topic](Session& back, const Result<>& admitted) {
        if (!admitted)
          return opened(back, opening, Result<broker::ConsumerPtr>(std::unexpected(admitted.error())));
        with_topic(back, opening, topic);
      }));
}

/// As in Pulsar it begins with what comes next, whatever was asked for: there is nothing before.
void on_volatile_topic(Session& session, Opening opening, const std::string& topic) {
  opening.options.initial_position = InitialPosition::latest;
  opening.start.position = InitialPosition::latest;
  broker::VolatileTopics& topics = session.broker().volatile_topics();
  auto sink = opening.receiver->sink();
  if (opening.durable)
    return opened(session, opening, topics.subscribe(topic, opening.options, std::move(sink)));
  opened(session, opening,
         topics.create_reader(topic, opening.start, opening.options.permits, std::move(sink)));
}

Result<> add_key_shared(const wire::CommandSubscribe& command, broker::SubscribeOptions& options) {
  if (!command.key_shared_meta.present()) return {};
  const wire::KeySharedMeta& meta = *command.key_shared_meta;
  if (meta.key_shared_mode != wire::KeySharedMode::sticky) return {};
  for (const wire::IntRange& range : meta.hash_ranges) {
    if (range.start < 0 || range.end < range.start)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("the range of hashes {} to {} cannot be", range.start, range.end));
    options.hash_ranges.push_back(
        {.first = static_cast<std::uint32_t>(range.start), .last = static_cast<std::uint32_t>(range.end)});
  }
  return {};
}

Result<broker::SubscribeOptions> options_of(const Session& session, const wire::CommandSubscribe& command) {
  broker::SubscribeOptions options{.subscription = std::string(command.subscription),
                                   .type = type_of(command.sub_type),
                                   .initial_position = position_of(*command.initial_position),
                                   .consumer_name = std::string(*command.consumer_name),
                                   .permits = {.messages = 0, .bytes = session.host().options.window_bytes}};
  options.priority = static_cast<std::uint32_t>(std::max(*command.priority_level, 0));
  options.read_compacted = *command.read_compacted;
  for (const wire::KeyValue& each : command.subscription_properties)
    options.properties.insert_or_assign(std::string(each.key), std::string(each.value));
  GEMINGA_TRY_VOID(add_key_shared(command, options));
  return options;
}

/// Where a reader begins: a client that sought to a time comes again with another place than that.
broker::ReaderStart start_of(Session& session, const wire::CommandSubscribe& command,
                             const std::string& topic) {
  broker::ReaderStart start{
      .position = position_of(*command.initial_position),
      .inclusive = true,  // who wants what is behind an id leaves that one out by itself
      .read_compacted = *command.read_compacted};
  if (command.start_message_id.present()) start.position = target_of(*command.start_message_id);
  const std::chrono::seconds back{std::min(*command.start_message_rollback_duration_sec, kRollbackMax)};
  if (back.count() > 0) start.position = base::Clock::system().wall_now() - back;
  if (const auto sought = session.take_sought(topic, command.subscription)) start.position = *sought;
  return start;
}

Result<std::string> check(const Session& session, const wire::CommandSubscribe& command) {
  if (!session.has_room())
    return fail(ErrorCode::overloaded, "this connection has as many consumers as one may have");
  if (*command.replicate_subscription_state)
    return fail(ErrorCode::unsupported_by_engine,
                "there is one cluster only; subscribe without the replication of the subscription's state");
  if (*command.start_message_rollback_duration_sec > 0 && *command.durable)
    return fail(ErrorCode::unsupported_by_engine,
                "only a reader can start so many seconds back; a subscription can seek there");
  GEMINGA_TRY_VOID(base::check_subscription_name(command.subscription));
  return session.topic(command.topic, auth::Permission::consume);
}

Result<Opening> opening_of(Session& session, const wire::CommandSubscribe& command,
                           const std::string& topic) {
  GEMINGA_TRY(auto options, options_of(session, command));
  Opening opening{.receiver = std::make_shared<Receiver>(session, command.consumer_id),
                  .request_id = command.request_id,
                  .durable = *command.durable || command.sub_type != wire::SubscriptionType::exclusive,
                  .options = std::move(options),
                  .start = start_of(session, command, topic)};
  if (opening.durable && !*command.durable) opening.options.passing = opening.start;
  opening.receiver->set_place({.topic = topic,
                               .handle = {},
                               .subscription = std::string(command.subscription),
                               .consumer_name = opening.options.consumer_name});
  return opening;
}

}  // namespace

void subscribe(Session& session, const wire::CommandSubscribe& command) {
  if (const ReceiverPtr there = session.receiver(command.consumer_id)) {
    // A client asks again for what it has, because the first answer was late.
    if (there->opened()) return session.succeed(command.request_id);
    return session.refuse(
        command.request_id,
        {ErrorCode::unavailable, fmt::format("consumer {} is being made already", command.consumer_id)});
  }
  const auto topic = check(session, command);
  if (!topic) return session.refuse(command.request_id, topic.error());
  auto schema = schema_of(command.schema);
  if (!schema) return session.refuse(command.request_id, schema.error());
  const bool kept = !broker::VolatileTopics::names(*topic);
  if (const auto good = kept ? Result<>{} : check_unkept(*schema); !good)
    return session.refuse(command.request_id, good.error());
  auto opening = opening_of(session, command, *topic);
  if (!opening) return session.refuse(command.request_id, opening.error());
  session.add(opening->receiver);
  if (!kept) return on_volatile_topic(session, *std::move(opening), *topic);
  session.broker().open_topic(
      *topic, *command.force_topic_creation && session.host().options.creates_topics,
      session.back<broker::TopicPtr>([opening = *std::move(opening), schema = *std::move(schema)](
                                         Session& back, Result<broker::TopicPtr> found) {
        if (!found) return opened(back, opening, Result<broker::ConsumerPtr>(std::unexpected(found.error())));
        with_schema(back, opening, schema, *found);
      }));
}

}  // namespace geminga::doors::pulsar::commands
