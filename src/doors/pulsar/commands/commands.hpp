#pragma once

#include "doors/pulsar/session.hpp"
#include "wire/pulsar/commands.hpp"

/// One function a command, each in a file of its name; table.cpp says which command is whose. What is wrong
/// with a request is answered to it; what breaks the protocol ends the session.
namespace geminga::doors::pulsar::commands {

void connect(Session& session, const wire::CommandConnect& command);
void auth_response(Session& session, const wire::CommandAuthResponse& command);
void ping(Session& session, const wire::CommandPing& command);
void pong(Session& session, const wire::CommandPong& command);

void partitioned_metadata(Session& session, const wire::CommandPartitionedTopicMetadata& command);
void lookup(Session& session, const wire::CommandLookupTopic& command);
void get_topics_of_namespace(Session& session, const wire::CommandGetTopicsOfNamespace& command);
void get_schema(Session& session, const wire::CommandGetSchema& command);
void get_or_create_schema(Session& session, const wire::CommandGetOrCreateSchema& command);

void producer(Session& session, const wire::CommandProducer& command);
void send(Session& session, const wire::CommandSend& command, std::string_view entry);
void close_producer(Session& session, const wire::CommandCloseProducer& command);

void subscribe(Session& session, const wire::CommandSubscribe& command);
void flow(Session& session, const wire::CommandFlow& command);
void ack(Session& session, const wire::CommandAck& command);
void redeliver(Session& session, const wire::CommandRedeliverUnacknowledgedMessages& command);
void unsubscribe(Session& session, const wire::CommandUnsubscribe& command);
void close_consumer(Session& session, const wire::CommandCloseConsumer& command);

void seek(Session& session, const wire::CommandSeek& command);
void get_last_message_id(Session& session, const wire::CommandGetLastMessageId& command);
void consumer_stats(Session& session, const wire::CommandConsumerStats& command);

}  // namespace geminga::doors::pulsar::commands
