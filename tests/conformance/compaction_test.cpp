#include <map>

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

using Bodies = std::vector<std::string>;

class CompactionConformance : public Conformance {
 protected:
  /// Compacts and waits; false where the engine cannot, which is proven.
  bool compacted(const std::string& topic) {
    const auto begun = bus().admin().compact_topic(topic);
    if (refused(Feature::topic_compaction, begun)) return false;
    EXPECT_TRUE(begun) << begun.error().message;
    const auto done = bus().admin().await_compaction(topic, kDeadline);
    EXPECT_TRUE(done) << done.error().message;
    return true;
  }
  Consumer compacted_consumer(const std::string& topic, const std::string& subscription = "group",
                              SubscriptionType type = SubscriptionType::exclusive) {
    auto options = Conformance::options(topic, type, subscription);
    options.read_compacted = true;
    return bus().subscribe(options).value();
  }
  /// What a reader finds from the first message to the last.
  std::vector<Message> read(const std::string& topic) {
    auto reader =
        bus()
            .create_reader({.topic = topic, .start = InitialPosition::earliest, .read_compacted = true})
            .value();
    std::vector<Message> messages;
    while (reader.has_next().value()) messages.push_back(reader.read(kDeadline).value());
    return messages;
  }
  Bodies bodies(const std::string& topic) {
    Bodies all;
    for (const Message& message : read(topic)) all.push_back(message.body);
    return all;
  }
};

TEST_F(CompactionConformance, TheLastOfEachKeyStaysWithItsIdAndAllItCarries) {
  auto sender = producer("t");
  sender.send(body("a1", "a")).value();
  const auto b = sender.send(body("b1", "b")).value();
  auto full = body("a2", "a");
  full.properties = {{"name", "value"}};
  full.event_time = Timestamp{std::chrono::milliseconds{5}};
  const auto a = sender.send(full).value();
  if (!compacted("t")) return;
  const auto messages = read("t");
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].id, b);
  EXPECT_EQ(messages[1].id, a);
  EXPECT_EQ(messages[1].key, "a");
  EXPECT_EQ(messages[1].body, "a2");
  EXPECT_EQ(messages[1].properties, full.properties);
  EXPECT_EQ(messages[1].event_time, full.event_time);
  const TopicStats stats = bus().admin().stats("t").value();
  EXPECT_EQ(stats.compaction.state, CompactionState::idle);
  EXPECT_EQ(stats.compaction.horizon, a);
  EXPECT_EQ(stats.compaction.messages, 2U);
  EXPECT_EQ(stats.stored_messages, 3U) << "the topic is as it was";
}

TEST_F(CompactionConformance, AnEmptyBodyRemovesItsKeyAndWhatHasNoKeyStays) {
  auto sender = producer("t");
  for (const auto& [key, text] : std::vector<std::pair<std::string, std::string>>{
           {"a", "a1"}, {"", "free"}, {"", "free"}, {"b", "b1"}, {"a", ""}, {"", ""}})
    sender.send(body(text, key)).value();
  if (!compacted("t")) return;
  EXPECT_EQ(bodies("t"), (Bodies{"free", "free", "b1", ""}));
  sender.send(body("a2", "a")).value();
  ASSERT_TRUE(compacted("t"));
  EXPECT_EQ(bodies("t"), (Bodies{"free", "free", "b1", "", "a2"}));
}

TEST_F(CompactionConformance, ItOutlivesItsMessagesAndTheProcess) {
  auto sender = producer("t");
  for (int i = 0; i < 20; ++i) sender.send(body(std::to_string(i), std::to_string(i % 3))).value();
  ASSERT_TRUE(sender.close());
  ASSERT_TRUE(bus().admin().create_subscription("t", "old", InitialPosition::earliest));
  if (!compacted("t")) return;
  ASSERT_TRUE(bus().admin().skip_all("t", "old"));
  ASSERT_TRUE(eventually([&] { return bus().admin().stats("t").value().stored_messages == 0; }));
  EXPECT_EQ(bodies("t"), (Bodies{"17", "18", "19"}));
  restart();
  EXPECT_EQ(bodies("t"), (Bodies{"17", "18", "19"}));
  auto later = compacted_consumer("t", "later");
  for (const char* expected : {"17", "18", "19"}) {
    auto delivery = next(later);
    EXPECT_EQ(delivery->body, expected);
    ASSERT_TRUE(delivery.ack());
  }
  producer("t").send(body("20", "0")).value();
  auto delivery = next(later);
  EXPECT_EQ(delivery->body, "20");
  ASSERT_TRUE(delivery.ack());
  EXPECT_TRUE(eventually([&] { return subscription_stats("t", "later").backlog == 0; }));
  expect_quiet(later);
}

TEST_F(CompactionConformance, WhatIsPublishedMeanwhileComesWhole) {
  auto sender = producer("t");
  std::map<std::string, std::string> latest;
  for (int i = 0; i < 200; ++i) sender.send(body(std::to_string(i), std::to_string(i % 7))).value();
  const auto begun = bus().admin().compact_topic("t");
  if (refused(Feature::topic_compaction, begun)) return;
  ASSERT_TRUE(begun);
  for (int i = 200; i < 400; ++i) {
    latest[std::to_string(i % 7)] = std::to_string(i);
    sender.send(body(std::to_string(i), std::to_string(i % 7))).value();
  }
  ASSERT_TRUE(bus().admin().await_compaction("t", kDeadline));
  std::map<std::string, std::string> seen;
  auto receiver = compacted_consumer("t");
  std::string last;
  do {
    auto delivery = next(receiver);
    last = delivery->body;
    seen[delivery->key] = delivery->body;
    ASSERT_TRUE(delivery.ack());
  } while (last != "399");
  EXPECT_EQ(seen, latest);
  EXPECT_TRUE(eventually([&] { return subscription_stats("t").backlog == 0; }));
}

TEST_F(CompactionConformance, IsReadByOneConsumerAtATimeAndOnTopicsThatKeepSomething) {
  publish("t", 1, "k");
  if (!compacted("t")) return;
  for (const auto type : {SubscriptionType::shared, SubscriptionType::key_shared}) {
    auto options = Conformance::options("t", type);
    options.read_compacted = true;
    const auto made = bus().subscribe(options);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(made.error().message.find("exclusive or failover"), std::string::npos) << made.error().message;
  }
  const auto first = compacted_consumer("t", "group", SubscriptionType::failover);
  auto other = Conformance::options("t", SubscriptionType::failover);
  EXPECT_EQ(bus().subscribe(other).error().code, ErrorCode::subscription_type_mismatch);
  constexpr char kVolatile[] = "non-persistent://public/default/v";
  const auto reader = bus().create_reader({.topic = kVolatile, .read_compacted = true});
  EXPECT_EQ(reader.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(bus().admin().compact_topic(kVolatile).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(bus().admin().compact_topic("nowhere").error().code, ErrorCode::topic_not_found);
}

TEST_F(CompactionConformance, AllPartitionsOfATopic) {
  const auto made = bus().admin().create_partitioned_topic("t", 3);
  if (refused(Feature::partitioned_topics, made)) return;
  auto sender = producer("t");
  for (int i = 0; i < 60; ++i) sender.send(body(std::to_string(i), std::to_string(i % 6))).value();
  if (!compacted("t")) return;
  EXPECT_EQ(bus().admin().stats("t").value().compaction.messages, 6U);
  std::multimap<std::string, std::string> seen;
  for (const Message& message : read("t")) seen.emplace(message.key, message.body);
  EXPECT_EQ(seen.size(), 6U);
  for (int key = 0; key < 6; ++key)
    EXPECT_EQ(seen.find(std::to_string(key))->second, std::to_string(54 + key));
}

TEST_F(CompactionConformance, ADeletedTopicTakesItAlong) {
  publish("t", 3, "k");
  if (!compacted("t")) return;
  ASSERT_TRUE(bus().admin().delete_topic("t", true));
  publish("t", 2, "k");
  EXPECT_EQ(bodies("t"), (Bodies{"0", "1"}));
  EXPECT_FALSE(bus().admin().stats("t").value().compaction.horizon);
}

}  // namespace
}  // namespace geminga::conformance
