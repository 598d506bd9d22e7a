#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/topic_name.hpp"
#include "base/try.hpp"
#include "broker/schemas/schema_registry.hpp"
#include "broker/volatile_topics.hpp"
#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/schema.hpp"
#include "doors/pulsar/sender.hpp"

namespace geminga::doors::pulsar::commands {

namespace {

/// There, and empty: where it is absent, the Java client ends the connection.
constexpr std::string_view kNoSchema;

using SchemaVersion = std::optional<std::uint64_t>;

ProducerAccess access_of(wire::ProducerAccessMode mode) {
  switch (mode) {
    case wire::ProducerAccessMode::shared:
      break;
    case wire::ProducerAccessMode::exclusive:
      return ProducerAccess::exclusive;
    case wire::ProducerAccessMode::wait_for_exclusive:
      return ProducerAccess::wait_for_exclusive;
    case wire::ProducerAccessMode::exclusive_with_fencing:
      return ProducerAccess::exclusive_with_fencing;
  }
  return ProducerAccess::shared;
}

void tell_ready(Session& session, std::uint64_t request_id, const Sender& sender) {
  const broker::Producer& producer = *sender.producer();
  wire::CommandProducerSuccess success{.request_id = request_id, .producer_name = producer.name()};
  const std::string version = version_bytes(sender.schema_version());
  success.schema_version = std::string_view(version);
  if (const auto last = producer.last_sequence_id())
    success.last_sequence_id = static_cast<std::int64_t>(*last);
  if (const auto epoch = producer.epoch()) success.topic_epoch = *epoch;
  session.reply(success);
}

/// A PRODUCER on its way: topic, schema, subscription that comes with it, registration.
struct Opening {
  std::weak_ptr<Sender> sender;  ///< gone when nobody waits for the answer any more
  std::uint64_t request_id = 0;
  std::string initial_subscription;
  broker::RegisterOptions options;
  std::optional<broker::SchemaDefinition> schema;  ///< that it brings
};

void opened(Session& session, const Opening& opening, Result<broker::ProducerPtr> producer) {
  const SenderPtr sender = opening.sender.lock();
  if (!sender || session.sender(sender->id()) != sender) return;  // closed meanwhile; what came is dropped
  if (!producer) {
    session.remove(*sender, false);
    if (producer.error().code == ErrorCode::producer_busy) session.host().users.doubt(sender->topic());
    return session.refuse(opening.request_id, producer.error());
  }
  sender->open(*std::move(producer));
  tell_ready(session, opening.request_id, *sender);
}

/// What the broker calls outside of an answer.
void listen(Session& session, Opening& opening) {
  opening.options.wanted = opening.sender;
  auto waiting =
      session.back<std::string>([id = opening.request_id](Session& back, const Result<std::string>& name) {
        back.reply(wire::CommandProducerSuccess{
            .request_id = id, .producer_name = *name, .schema_version = kNoSchema, .producer_ready = false});
      });
  // std::function wants what can be copied.
  opening.options.on_waiting = [waiting = std::make_shared<decltype(waiting)>(std::move(waiting))](
                                   const std::string& name) { (*waiting)(name); };
  auto closed = session.back<Error>([sender = opening.sender](Session&, const Result<Error>& reason) {
    if (const auto to = sender.lock()) to->end(*reason);
  });
  opening.options.on_closed = [closed = std::make_shared<decltype(closed)>(std::move(closed))](
                                  const Error& reason) { (*closed)(reason); };
}

void register_producer(Session& session, Opening opening, broker::TopicPtr topic) {
  auto options = opening.options;
  session.broker().create_producer(
      std::move(topic), std::move(options),
      session.back<broker::ProducerPtr>(
          [opening = std::move(opening)](Session& back, Result<broker::ProducerPtr> producer) {
            opened(back, opening, std::move(producer));
          }));
}

void with_schema(Session& session, Opening opening, broker::TopicPtr topic) {
  if (opening.initial_subscription.empty())
    return register_producer(session, std::move(opening), std::move(topic));
  const std::string subscription = opening.initial_subscription;
  auto created =
      session.back<void>([opening = std::move(opening), topic](Session& back, Result<> made) mutable {
        if (!made && made.error().code != ErrorCode::already_exists)
          return opened(back, opening, std::unexpected(std::move(made).error()));
        register_producer(back, std::move(opening), std::move(topic));
      });
  session.broker().create_subscription(topic, subscription, InitialPosition::earliest, std::move(created));
}

void with_topic(Session& session, Opening opening, broker::TopicPtr topic) {
  const auto schema = std::exchange(opening.schema, std::nullopt);
  auto admitted = session.back<SchemaVersion>(
      [opening = std::move(opening), topic](Session& back, const Result<SchemaVersion>& version) mutable {
        if (!version) return opened(back, opening, std::unexpected(version.error()));
        if (const SenderPtr sender = opening.sender.lock()) sender->set_schema_version(*version);
        with_schema(back, std::move(opening), std::move(topic));
      });
  session.broker().schemas().admit_producer(topic, schema, std::move(admitted));
}

/// A client that asks again for what it has, because the first answer was late.
bool asked_before(Session& session, const wire::CommandProducer& command) {
  const SenderPtr there = session.sender(command.producer_id);
  if (!there) return false;
  if (there->producer())
    tell_ready(session, command.request_id, *there);
  else
    session.refuse(
        command.request_id,
        {ErrorCode::unavailable, fmt::format("producer {} is being made already", command.producer_id)});
  return true;
}

Result<std::string> check(const Session& session, const wire::CommandProducer& command) {
  if (!session.has_room())
    return fail(ErrorCode::overloaded, "this connection has as many producers as one may have");
  if (*command.txn_enabled) return fail(ErrorCode::unsupported_by_engine, "transactions are not supported");
  if (const std::string_view subscription = *command.initial_subscription_name; !subscription.empty()) {
    GEMINGA_TRY_VOID(base::check_subscription_name(subscription));
    GEMINGA_TRY_VOID(session.topic(command.topic, auth::Permission::consume));
  }
  return session.topic(command.topic, auth::Permission::produce);
}

}  // namespace

void producer(Session& session, const wire::CommandProducer& command) {
  if (asked_before(session, command)) return;
  const auto topic = check(session, command);
  if (!topic) return session.refuse(command.request_id, topic.error());
  auto schema = schema_of(command.schema);
  if (!schema) return session.refuse(command.request_id, schema.error());
  const bool kept = !broker::VolatileTopics::names(*topic);
  if (const auto good = kept ? Result<>{} : check_unkept(*schema); !good)
    return session.refuse(command.request_id, good.error());
  const auto sender = std::make_shared<Sender>(session, command.producer_id, *topic);
  session.add(sender);
  Opening opening{.sender = sender,
                  .request_id = command.request_id,
                  .initial_subscription = std::string(*command.initial_subscription_name),
                  .options = {.name = std::string(*command.producer_name),
                              .access = access_of(*command.producer_access_mode),
                              .waits_for_quota_itself = true},
                  .schema = *std::move(schema)};
  if (command.topic_epoch.present()) opening.options.epoch = *command.topic_epoch;
  listen(session, opening);
  if (!kept) {
    auto made = session.broker().volatile_topics().create_producer(*topic, opening.options);
    return opened(session, opening, std::move(made));
  }
  session.broker().open_topic(
      *topic, session.host().options.creates_topics,
      session.back<broker::TopicPtr>(
          [opening = std::move(opening)](Session& back, Result<broker::TopicPtr> found) mutable {
            if (!found) return opened(back, opening, std::unexpected(std::move(found).error()));
            with_topic(back, std::move(opening), *std::move(found));
          }));
}

}  // namespace geminga::doors::pulsar::commands
