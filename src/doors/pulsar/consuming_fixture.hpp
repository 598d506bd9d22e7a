#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "doors/pulsar/door_fixture.hpp"

namespace geminga::doors::pulsar::testing {

/// Messages on a topic, and who takes them.
class ConsumingTest : public PulsarDoorTest {
 protected:
  /// Messages "0", "1", ... on the topic.
  void publish(int messages, std::string_view on = kTopic) {
    const auto client = this->client();
    client->producer(1, on);
    for (int i = 0; i < messages; ++i) client->publish(static_cast<std::uint64_t>(i), std::to_string(i));
  }
  /// One batch of three.
  static void send_abc(RawPulsar& client) {
    wire::BatchWriter batch;
    for (const char* body : {"a", "b", "c"}) batch.add({}, body);
    wire::MessageMetadata metadata;
    metadata.num_messages_in_batch = 3;
    client.say(wire::CommandSend{.producer_id = 1, .num_messages = 3}, entry_of(batch.payload(), metadata));
    client.hear<wire::CommandSendReceipt>();
  }
  void reopen() {
    door_.reset();
    broker_.reset();
    auto opened = broker::Broker::open({.directory = directory_ / "data", .journal_file_bytes = 1 << 20});
    ASSERT_TRUE(opened) << opened.error().message;
    broker_ = *std::move(opened);
    listen();
  }
  static std::vector<std::string> take(RawPulsar& client, int messages) {
    std::vector<std::string> bodies;
    for (int i = 0; i < messages; ++i) bodies.push_back(payload_of(client.hear<wire::CommandMessage>()));
    return bodies;
  }
  /// Nothing but the answer to a PING comes.
  static void expect_quiet(RawPulsar& client) {
    client.say(wire::CommandPing{});
    client.hear<wire::CommandPong>();
  }
  SubscriptionStats stats(std::string_view subscription = "s") {
    const auto all = base::await<TopicStats>([&](auto done) { broker_->stats(topic(), std::move(done)); },
                                             std::chrono::seconds{10}, "stats");
    for (const SubscriptionStats& each : all->subscriptions)
      if (each.name == subscription) return each;
    throw std::runtime_error("no such subscription");
  }
  static wire::CommandSubscribe of(wire::SubscriptionType type, std::uint64_t id = 1) {
    return {.sub_type = type, .consumer_id = id};
  }
};

}  // namespace geminga::doors::pulsar::testing
