#include "doors/pulsar/commands/table.hpp"

#include <algorithm>
#include <array>
#include <type_traits>

#include <fmt/format.h>

#include "doors/pulsar/commands/commands.hpp"
#include "wire/pulsar/codec.hpp"

namespace geminga::doors::pulsar {

namespace {

using wire::CommandType;

struct Row {
  CommandType type{};
  Support support = Support::served;
  void (*run)(Session& session, const wire::Frame& frame) = nullptr;
  std::string_view refusal{};
};

template <class Message, auto Handle>
void decoded(Session& session, const wire::Frame& frame) {
  const auto message = wire::decode<Message>(frame.command);
  if (!message) return session.end(message.error().text());
  if constexpr (std::is_invocable_v<decltype(Handle), Session&, const Message&, std::string_view>)
    Handle(session, *message, frame.entry);
  else
    Handle(session, *message);
}

template <class Message, auto Handle>
constexpr Row served() {
  return {.type = wire::kCommandType<Message>, .run = decoded<Message, Handle>};
}

/// Of all that are refused the request's id is the first field, so one message reads them all.
void refuse(Session& session, const wire::Frame& frame) {
  const auto request = wire::decode<wire::TransactionRequest>(frame.command);
  if (!request) return session.end(request.error().text());
  session.refuse(request->request_id, {ErrorCode::unsupported_by_engine, std::string(refusal(frame.type))});
}

constexpr Row refused(CommandType type, std::string_view why) {
  return {.type = type, .support = Support::refused, .run = refuse, .refusal = why};
}

void break_protocol(Session& session, const wire::Frame& frame) {
  session.end(fmt::format("{} is what a broker sends", wire::command_name(frame.type)));
}

constexpr Row broker_only(CommandType type) {
  return {.type = type, .support = Support::broker_only, .run = break_protocol};
}

constexpr std::string_view kNoTransactions = "transactions are not supported";
constexpr std::string_view kNoWatching =
    "lists of topics are not watched; a client that looks from time to time finds new topics too";

constexpr std::array kTable = {
    served<wire::CommandConnect, commands::connect>(),
    broker_only(CommandType::connected),
    served<wire::CommandSubscribe, commands::subscribe>(),
    served<wire::CommandProducer, commands::producer>(),
    served<wire::CommandSend, commands::send>(),
    broker_only(CommandType::send_receipt),
    broker_only(CommandType::send_error),
    broker_only(CommandType::message),
    served<wire::CommandAck, commands::ack>(),
    served<wire::CommandFlow, commands::flow>(),
    served<wire::CommandUnsubscribe, commands::unsubscribe>(),
    broker_only(CommandType::success),
    broker_only(CommandType::error),
    served<wire::CommandCloseProducer, commands::close_producer>(),
    served<wire::CommandCloseConsumer, commands::close_consumer>(),
    broker_only(CommandType::producer_success),
    served<wire::CommandPing, commands::ping>(),
    served<wire::CommandPong, commands::pong>(),
    served<wire::CommandRedeliverUnacknowledgedMessages, commands::redeliver>(),
    served<wire::CommandPartitionedTopicMetadata, commands::partitioned_metadata>(),
    broker_only(CommandType::partitioned_metadata_response),
    served<wire::CommandLookupTopic, commands::lookup>(),
    broker_only(CommandType::lookup_response),
    served<wire::CommandConsumerStats, commands::consumer_stats>(),
    broker_only(CommandType::consumer_stats_response),
    broker_only(CommandType::reached_end_of_topic),
    served<wire::CommandSeek, commands::seek>(),
    served<wire::CommandGetLastMessageId, commands::get_last_message_id>(),
    broker_only(CommandType::get_last_message_id_response),
    broker_only(CommandType::active_consumer_change),
    served<wire::CommandGetTopicsOfNamespace, commands::get_topics_of_namespace>(),
    broker_only(CommandType::get_topics_of_namespace_response),
    served<wire::CommandGetSchema, commands::get_schema>(),
    broker_only(CommandType::get_schema_response),
    broker_only(CommandType::auth_challenge),
    served<wire::CommandAuthResponse, commands::auth_response>(),
    broker_only(CommandType::ack_response),
    served<wire::CommandGetOrCreateSchema, commands::get_or_create_schema>(),
    broker_only(CommandType::get_or_create_schema_response),
    refused(CommandType::new_txn, kNoTransactions),
    broker_only(CommandType::new_txn_response),
    refused(CommandType::add_partition_to_txn, kNoTransactions),
    broker_only(CommandType::add_partition_to_txn_response),
    refused(CommandType::add_subscription_to_txn, kNoTransactions),
    broker_only(CommandType::add_subscription_to_txn_response),
    refused(CommandType::end_txn, kNoTransactions),
    broker_only(CommandType::end_txn_response),
    refused(CommandType::end_txn_on_partition, kNoTransactions),
    broker_only(CommandType::end_txn_on_partition_response),
    refused(CommandType::end_txn_on_subscription, kNoTransactions),
    broker_only(CommandType::end_txn_on_subscription_response),
    refused(CommandType::tc_client_connect_request, kNoTransactions),
    broker_only(CommandType::tc_client_connect_response),
    refused(CommandType::watch_topic_list, kNoWatching),
    broker_only(CommandType::watch_topic_list_success),
    broker_only(CommandType::watch_topic_update),
    refused(CommandType::watch_topic_list_close, kNoWatching),
    broker_only(CommandType::topic_migrated),
};

constexpr CommandType kAll[] = {
#define GEMINGA_PULSAR_COMMAND(number, name, message) CommandType::name,
#define GEMINGA_PULSAR_TRANSACTION(number, name) CommandType::name,
#include "wire/pulsar/commands.def"
};
static_assert(std::ranges::equal(kTable, kAll, {}, &Row::type),
              "every command has one row, in the order of their numbers");

const Row& row_of(CommandType type) {
  return *std::ranges::lower_bound(kTable, type, {}, &Row::type);
}

}  // namespace

void run(Session& session, const wire::Frame& frame) {
  row_of(frame.type).run(session, frame);
}

Support support(CommandType type) {
  return row_of(type).support;
}

std::string_view refusal(CommandType type) {
  return row_of(type).refusal;
}

}  // namespace geminga::doors::pulsar
