/// What an official client sent (tests/wire/pulsar/README.md) is read, means what the client was asked for,
/// and is written again byte by byte.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "wire/pulsar/batch.hpp"
#include "wire/pulsar/entry.hpp"
#include "wire/pulsar/protocol.hpp"
#include "wire/pulsar/visit_command.hpp"

namespace geminga::wire::pulsar {
namespace {

constexpr std::string_view kTopic = "persistent://public/default/recorded";

const std::map<std::string, std::string>& recorded() {
  static const auto kAll = [] {
    std::map<std::string, std::string> frames;
    for (const auto& file : std::filesystem::recursive_directory_iterator(GEMINGA_PULSAR_RECORDED_DIR)) {
      if (!file.is_regular_file()) continue;
      std::ifstream in(file.path(), std::ios::binary);
      frames[file.path().parent_path().stem() / file.path().stem()] = {std::istreambuf_iterator<char>(in),
                                                                       {}};
    }
    return frames;
  }();
  return kAll;
}

template <class Message>
Message read(const std::string& name) {
  const auto frame = parse_frame(recorded().at(name));
  EXPECT_TRUE(frame.has_value()) << name;
  EXPECT_EQ(frame->type, kCommandType<Message>) << name;
  return decode<Message>(frame->command).value();
}

struct Sent {
  CommandSend command;
  Entry entry;
  MessageMetadata metadata;
};

Sent read_send(const std::string& name) {
  const Entry entry = parse_entry(parse_frame(recorded().at(name))->entry).value();
  return {read<CommandSend>(name), entry, decode<MessageMetadata>(entry.metadata).value()};
}

template <class T>
std::vector<T> all(const Repeated<T>& values) {
  std::vector<T> list;
  for (const T& value : values) list.push_back(value);
  return list;
}

TEST(PulsarRecorded, EveryFrameIsWrittenAgainAsItWas) {
  for (const auto& [name, bytes] : recorded()) {
    const auto frame = parse_frame(bytes);
    ASSERT_TRUE(frame.has_value()) << name << ": " << frame.error().text();
    std::string again;
    visit_command(*frame, [&, &file = name](const auto& message) {
      ASSERT_TRUE(message.has_value()) << file << ": " << message.error().text();
      if constexpr (Command<std::remove_cvref_t<decltype(*message)>>)
        append_frame(again, *message, frame->entry.size());
    });
    if (frame->type == CommandType::send) {
      const Sent sent = read_send(name);
      append_entry_head(again, sent.metadata, {sent.entry.payload});
      again += sent.entry.payload;
    }
    if (about_transactions(frame->type)) continue;  // known, and not written by us
    EXPECT_EQ(again, bytes) << name;
  }
  EXPECT_EQ(recorded().size(), 77U);
}

TEST(PulsarRecorded, Connecting) {
  const auto connect = read<CommandConnect>("cpp/connect");
  EXPECT_EQ(connect.client_version, "Pulsar-CPP-v4.2.0");
  EXPECT_EQ(*connect.protocol_version, since::kTopicMigrated);
  EXPECT_TRUE(may_challenge(*connect.protocol_version, *connect.feature_flags));
  EXPECT_TRUE(may_send_broker_entry(*connect.protocol_version, *connect.feature_flags));
  const auto token = read<CommandConnect>("cpp/connect_token");
  EXPECT_EQ(*token.auth_method_name, "token");
  EXPECT_EQ(*token.auth_data, "header.claims.signature");
  const auto response = read<CommandAuthResponse>("cpp/auth_response");
  EXPECT_EQ(*response.response->auth_method_name, "token");
  EXPECT_EQ(*response.response->auth_data, "header.claims.signature");
  EXPECT_EQ(recorded().at("cpp/pong").size(), 13U);
}

TEST(PulsarRecorded, LookingUp) {
  EXPECT_EQ(read<CommandPartitionedTopicMetadata>("cpp/partitioned_metadata").topic, kTopic);
  const auto lookup = read<CommandLookupTopic>("cpp/lookup");
  EXPECT_EQ(lookup.topic, kTopic);
  EXPECT_FALSE(*lookup.authoritative);
  EXPECT_EQ(read<CommandGetTopicsOfNamespace>("cpp/get_topics_of_namespace").namespace_name,
            "public/default");
}

TEST(PulsarRecorded, Producers) {
  const auto plain = read<CommandProducer>("cpp/producer");
  EXPECT_EQ(plain.topic, kTopic);
  EXPECT_FALSE(plain.producer_name.present());
  EXPECT_FALSE(*plain.user_provided_producer_name);
  const auto named = read<CommandProducer>("cpp/producer_named");
  EXPECT_EQ(*named.producer_name, "red");
  EXPECT_TRUE(*named.user_provided_producer_name);
  EXPECT_EQ(*named.producer_access_mode, ProducerAccessMode::exclusive);
  EXPECT_EQ(all(named.metadata).at(0).value, "producer");
  const auto schema = read<CommandProducer>("cpp/producer_schema");
  EXPECT_EQ(schema.schema->type, SchemaType::string);
  EXPECT_EQ(schema.schema->name, "STRING");
}

TEST(PulsarRecorded, AMessageWithAllThatItMayHave) {
  const Sent sent = read_send("cpp/send_rich");
  EXPECT_EQ(sent.command.sequence_id, 41U);
  EXPECT_EQ(sent.entry.payload, "all that a message may have");
  EXPECT_TRUE(sent.entry.checksum.has_value());
  EXPECT_EQ(sent.metadata.sequence_id, 41U);
  EXPECT_EQ(sent.metadata.producer_name, "recorder-1");
  EXPECT_EQ(*sent.metadata.partition_key, "key");
  EXPECT_EQ(*sent.metadata.ordering_key, "order");
  EXPECT_EQ(*sent.metadata.event_time, 1'700'000'000'123U);
  EXPECT_EQ(*sent.metadata.deliver_at_time, 1'700'000'360'000);
  EXPECT_EQ(all(sent.metadata.replicate_to), (std::vector<std::string_view>{"east", "west"}));
  std::map<std::string_view, std::string_view> properties;
  for (const KeyValue& property : sent.metadata.properties) properties[property.key] = property.value;
  EXPECT_EQ(properties, (std::map<std::string_view, std::string_view>{{"colour", "green"}, {"empty", ""}}));
  EXPECT_FALSE(sent.metadata.num_messages_in_batch.present());
}

TEST(PulsarRecorded, ABatch) {
  const Sent sent = read_send("cpp/send_batch");
  EXPECT_EQ(*sent.command.num_messages, 3);
  EXPECT_EQ(*sent.metadata.num_messages_in_batch, 3);
  BatchReader batch(sent.entry.payload, 3);
  BatchWriter again;
  for (int i = 0; i < 3; ++i) {
    const auto message = batch.next();
    ASSERT_TRUE(message.has_value() && message->has_value());
    const auto number = std::to_string(i);
    EXPECT_EQ((*message)->payload, "message " + number + " of a batch, of a batch, of a batch");
    EXPECT_EQ(*(*message)->metadata.partition_key, "k" + number);
    EXPECT_EQ(*(*message)->metadata.event_time, 1'700'000'000'000U + static_cast<unsigned>(i));
    EXPECT_EQ(all((*message)->metadata.properties).at(0).value, number);
    again.add((*message)->metadata, (*message)->payload);
  }
  EXPECT_FALSE(batch.next().value().has_value());
  EXPECT_EQ(again.payload(), sent.entry.payload);
}

TEST(PulsarRecorded, CompressionChunksAndKeys) {
  const std::pair<const char*, CompressionType> kinds[] = {
      {"cpp/send_batch_lz4", CompressionType::lz4},
      {"cpp/send_batch_zlib", CompressionType::zlib},
      {"cpp/send_batch_zstd", CompressionType::zstd},
      {"cpp/send_batch_snappy", CompressionType::snappy}};
  const auto size = static_cast<std::uint32_t>(read_send("cpp/send_batch").entry.payload.size());
  for (const auto& [name, kind] : kinds) {
    const Sent sent = read_send(name);
    EXPECT_EQ(*sent.metadata.compression, kind) << name;
    EXPECT_NEAR(*sent.metadata.uncompressed_size, size, 6) << name;  // sequence ids of one byte or two
  }
  const Sent first = read_send("cpp/send_chunk_1");
  const Sent last = read_send("cpp/send_chunk_2");
  EXPECT_TRUE(*first.command.is_chunk);
  EXPECT_EQ(*first.metadata.uuid, *last.metadata.uuid);
  EXPECT_EQ(*first.metadata.num_chunks_from_msg, 2);
  EXPECT_EQ(*last.metadata.chunk_id, 1);
  EXPECT_EQ(*last.metadata.total_chunk_msg_size, 4'096);
  EXPECT_EQ(first.entry.payload.size() + last.entry.payload.size(), 4'096U);
  const Sent secret = read_send("cpp/send_encrypted");
  ASSERT_EQ(secret.metadata.encryption_keys.size(), 1U);
  EXPECT_EQ(secret.metadata.encryption_keys.begin()->key, "recorder.key");
  EXPECT_EQ(secret.metadata.encryption_keys.begin()->value.size(), 256U);
  EXPECT_TRUE(secret.metadata.encryption_param.present());
}

TEST(PulsarRecorded, Subscribing) {
  const std::pair<const char*, SubscriptionType> kinds[] = {
      {"cpp/subscribe_exclusive", SubscriptionType::exclusive},
      {"cpp/subscribe_shared", SubscriptionType::shared},
      {"cpp/subscribe_failover", SubscriptionType::failover},
      {"cpp/subscribe_key_shared", SubscriptionType::key_shared}};
  for (const auto& [name, kind] : kinds) {
    const auto subscribe = read<CommandSubscribe>(name);
    EXPECT_EQ(subscribe.sub_type, kind) << name;
    EXPECT_EQ(subscribe.subscription, "recorder");
    EXPECT_TRUE(*subscribe.durable);
  }
  const auto rich = read<CommandSubscribe>("cpp/subscribe_shared_rich");
  EXPECT_EQ(*rich.consumer_name, "blue");
  EXPECT_EQ(*rich.initial_position, InitialPosition::earliest);
  EXPECT_EQ(all(rich.metadata).at(0).key, "of");
  const auto sticky = read<CommandSubscribe>("cpp/subscribe_sticky");
  EXPECT_EQ(sticky.key_shared_meta->key_shared_mode, KeySharedMode::sticky);
  EXPECT_TRUE(*sticky.key_shared_meta->allow_out_of_order_delivery);
  const auto ranges = all(sticky.key_shared_meta->hash_ranges);
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[1].start, 200);
  EXPECT_EQ(ranges[1].end, 65'535);
  const auto reader = read<CommandSubscribe>("cpp/subscribe_reader");
  EXPECT_FALSE(*reader.durable);
  EXPECT_EQ(reader.start_message_id->ledger_id, UINT64_MAX);  // the earliest
}

TEST(PulsarRecorded, Acknowledging) {
  EXPECT_GT(read<CommandFlow>("cpp/flow").message_permits, 0U);
  EXPECT_EQ(all(read<CommandAck>("cpp/ack_individual").message_id).at(0).ledger_id, 7U);
  EXPECT_EQ(read<CommandAck>("cpp/ack_cumulative").ack_type, AckType::cumulative);
  const auto ids = all(read<CommandAck>("cpp/ack_batch_index").message_id);
  ASSERT_FALSE(ids.empty());
  EXPECT_EQ(all(ids.back().ack_set), (std::vector<std::int64_t>{6}));  // of three the first is acknowledged
  EXPECT_EQ(read<CommandRedeliverUnacknowledgedMessages>("cpp/redeliver_one").message_ids.size(), 1U);
  EXPECT_TRUE(read<CommandRedeliverUnacknowledgedMessages>("cpp/redeliver_all").message_ids.empty());
}

TEST(PulsarRecorded, Seeking) {
  EXPECT_TRUE(read<CommandSeek>("cpp/seek_id").message_id.present());
  const auto time = read<CommandSeek>("cpp/seek_time");
  EXPECT_FALSE(time.message_id.present());
  EXPECT_EQ(*time.message_publish_time, 1'700'000'000'123U);
  EXPECT_GT(read<CommandGetLastMessageId>("cpp/get_last_message_id").request_id, 0U);
  EXPECT_FALSE(*read<CommandUnsubscribe>("cpp/unsubscribe").force);
}

TEST(PulsarRecorded, WhatOnlyTheJavaClientSends) {
  const auto connect = read<CommandConnect>("java/connect");
  EXPECT_EQ(connect.client_version, "Pulsar-Java-v4.0.7");
  EXPECT_EQ(agreed_version(*connect.protocol_version), kProtocolVersion);
  EXPECT_TRUE(read<CommandAck>("java/ack_receipt").request_id.present());
  EXPECT_TRUE(*read<CommandUnsubscribe>("java/unsubscribe").force);
  const auto subscribe = read<CommandSubscribe>("java/subscribe_receipt");
  EXPECT_EQ(*subscribe.priority_level, 2);
  EXPECT_EQ(all(subscribe.subscription_properties).at(0).value, "subscription");
  EXPECT_EQ(*read<CommandSubscribe>("java/subscribe_reader").start_message_rollback_duration_sec, 3U);
  const auto rich = read<CommandProducer>("java/producer_rich");
  EXPECT_EQ(*rich.producer_access_mode, ProducerAccessMode::exclusive_with_fencing);
  const auto json = read<CommandProducer>("java/producer_json");
  EXPECT_EQ(json.schema->type, SchemaType::json);
  EXPECT_NE(json.schema->schema_data.find("\"name\":\"Colour\""), std::string_view::npos);
  EXPECT_EQ(read<CommandGetOrCreateSchema>("java/get_or_create_schema").schema.type, SchemaType::string);
  EXPECT_FALSE(read<CommandGetSchema>("java/get_schema").schema_version.present());
}

TEST(PulsarRecorded, MessagesOfTheJavaClient) {
  const Sent empty = read_send("java/send_null");
  EXPECT_TRUE(*empty.metadata.null_value);
  EXPECT_EQ(*empty.metadata.partition_key, "gone");
  EXPECT_EQ(empty.entry.payload, "");
  const Sent rich = read_send("java/send_rich");
  EXPECT_TRUE(*rich.metadata.partition_key_b64_encoded);
  EXPECT_EQ(*rich.metadata.partition_key, "AQID");
  EXPECT_EQ(*rich.metadata.ordering_key, "\x09");
  const Sent batch = read_send("java/send_batch");
  BatchReader reader(batch.entry.payload, *batch.metadata.num_messages_in_batch);
  int messages = 0;
  auto message = reader.next();
  for (; message && *message; message = reader.next())
    EXPECT_EQ((*message)->payload, "message " + std::to_string(messages++));
  EXPECT_TRUE(message.has_value());
  EXPECT_EQ(messages, 4);
  EXPECT_EQ(read_send("java/send_many").metadata.schema_version->size(), 8U);
}

TEST(PulsarRecorded, TransactionsCanBeRefused) {
  for (const char* name : {"java/tc_client_connect_request", "java/new_txn"}) {
    const auto frame = parse_frame(recorded().at(name));
    ASSERT_TRUE(frame.has_value()) << name;
    EXPECT_TRUE(about_transactions(frame->type)) << name;
    EXPECT_GT(decode<TransactionRequest>(frame->command).value().request_id, 0U) << name;
  }
}

}  // namespace
}  // namespace geminga::wire::pulsar
