#include <algorithm>

#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/receiver.hpp"

namespace geminga::doors::pulsar::commands {

namespace {

std::string_view name_of(SubscriptionType type) {
  switch (type) {
    case SubscriptionType::exclusive:
      break;
    case SubscriptionType::shared:
      return "Shared";
    case SubscriptionType::failover:
      return "Failover";
    case SubscriptionType::key_shared:
      return "Key_Shared";
  }
  return "Exclusive";
}

/// What is not measured (rates) is left out.
void answer(Session& session, std::uint64_t id, const Receiver::Place& place, const TopicStats& stats) {
  const auto subscription =
      std::ranges::find(stats.subscriptions, place.subscription, &SubscriptionStats::name);
  if (subscription == stats.subscriptions.end())
    return session.reply(
        wire::CommandConsumerStatsResponse{.request_id = id,
                                           .error_code = wire::ServerError::subscription_not_found,
                                           .error_message = "the consumer has no subscription that is kept"});
  wire::CommandConsumerStatsResponse response{.request_id = id};
  response.address = std::string_view(session.peer());
  response.type = name_of(subscription->type);
  response.msg_backlog = subscription->backlog;
  const auto its = std::ranges::find(subscription->connected, place.consumer_name, &ConsumerStats::name);
  if (its != subscription->connected.end()) {
    response.consumer_name = std::string_view(its->name);
    response.available_permits = static_cast<std::uint64_t>(std::max<std::int64_t>(its->permits, 0));
    response.unacked_messages = its->unacked;
    response.blocked_consumer_on_unacked_msgs = its->blocked;
  }
  session.reply(response);
}

}  // namespace

void consumer_stats(Session& session, const wire::CommandConsumerStats& command) {
  const std::uint64_t id = command.request_id;
  const auto refuse = [id](Session& to, const Error& error) {
    to.reply(wire::CommandConsumerStatsResponse{.request_id = id,
                                                .error_code = server_error(error.code),
                                                .error_message = std::string_view(error.message)});
  };
  const ReceiverPtr receiver = session.receiver(command.consumer_id);
  if (!receiver) return refuse(session, {ErrorCode::not_found, "there is no such consumer"});
  const Receiver::Place& place = receiver->place();
  if (!place.handle)
    return refuse(session,
                  {ErrorCode::unsupported_by_engine, "a non-persistent topic has no such statistics"});
  session.broker().stats(
      place.handle,
      session.answer<TopicStats>([id, place, refuse](Session& back, const Result<TopicStats>& stats) {
        if (!stats) return refuse(back, stats.error());
        answer(back, id, place, *stats);
      }));
}

}  // namespace geminga::doors::pulsar::commands
