#include <mutex>
#include <set>

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

// --- cumulative acknowledgement
// ------------------------------------------------------------------------------------

TEST_F(Conformance, CumulativeAcknowledgesAllThatWasDeliveredBeforeOverARestart) {
  publish("t", 10);
  {
    auto receiver = consumer("t");
    for (int i = 0; i < 4; ++i) static_cast<void>(next(receiver));
    auto fifth = next(receiver);
    const auto done = fifth.ack_cumulative();
    if (refused(Feature::cumulative_acknowledgement, done)) return;
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_TRUE(fifth.settled());
    EXPECT_EQ(subscription_stats("t").backlog, 5U);
  }
  restart();
  auto receiver = consumer("t");
  EXPECT_EQ(next(receiver)->body, "5");
}

TEST_F(Conformance, CumulativeSettlesEarlierDeliveries) {
  publish("t", 2);
  auto receiver = consumer("t");
  auto first = next(receiver);
  auto second = next(receiver);
  if (const auto done = second.ack_cumulative(); refused(Feature::cumulative_acknowledgement, done)) return;
  EXPECT_EQ(first.ack().error().code, ErrorCode::conflict);
  EXPECT_EQ(second.ack().error().code, ErrorCode::conflict);
  first.nack(0ms);
  expect_quiet(receiver);
}

TEST_F(Conformance, CumulativeLeavesWhatIsHeldUntilItsTime) {
  auto receiver = consumer("t");
  OutgoingMessage later = body("later");
  later.deliver_after = 500ms;
  auto sender = producer("t");
  sender.send(later).value();
  sender.send(body("now")).value();
  auto now = next(receiver);
  EXPECT_EQ(now->body, "now");
  if (const auto done = now.ack_cumulative(); refused(Feature::cumulative_acknowledgement, done)) return;
  EXPECT_EQ(subscription_stats("t").backlog, 1U);
  EXPECT_EQ(next(receiver)->body, "later");
}

TEST_F(Conformance, CumulativeIsRefusedWhereOthersHoldMessages) {
  for (const auto type : {SubscriptionType::shared, SubscriptionType::key_shared}) {
    const std::string topic = "t" + std::to_string(static_cast<int>(type));
    publish(topic, 1);
    auto receiver = consumer(topic, type);
    auto delivery = next(receiver);
    const auto done = delivery.ack_cumulative();
    if (refused(Feature::cumulative_acknowledgement, done)) continue;
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::invalid_argument);
    EXPECT_FALSE(delivery.settled());
    EXPECT_TRUE(delivery.ack());
  }
}

// --- seek
// ----------------------------------------------------------------------------------------------------------

TEST_F(Conformance, SeekBackBringsAcknowledgedMessagesAgainAndVoidsWhatIsHeld) {
  const auto ids = publish("t", 10);
  ASSERT_TRUE(bus().admin().set_retention("t", {.time = std::nullopt, .bytes = std::nullopt}));
  auto receiver = consumer("t");
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(next(receiver).ack());
  auto held = next(receiver);
  const auto moved = receiver.seek(ids[3]);
  if (refused(Feature::seek, moved)) return;
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_EQ(held.ack().error().code, ErrorCode::conflict);
  for (int i = 3; i < 10; ++i) {
    auto delivery = next(receiver);
    ASSERT_EQ(delivery->body, std::to_string(i));
    ASSERT_TRUE(delivery.ack());
  }
  expect_quiet(receiver);
  EXPECT_EQ(subscription_stats("t").backlog, 0U);
}

TEST_F(Conformance, SeekIsDurable) {
  const auto ids = publish("t", 5);
  ASSERT_TRUE(bus().admin().set_retention("t", {.time = std::nullopt, .bytes = std::nullopt}));
  {
    auto receiver = consumer("t");
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(next(receiver).ack());
    if (refused(Feature::seek, receiver.seek(ids[2]))) return;
  }
  restart();
  EXPECT_EQ(subscription_stats("t").backlog, 3U);
  auto receiver = consumer("t");
  for (int i = 2; i < 5; ++i) EXPECT_EQ(next(receiver)->body, std::to_string(i));
}

TEST_F(Conformance, SeekToATimeFindsTheFirstThatWasPublishedThen) {
  ASSERT_TRUE(bus().admin().create_topic("t"));
  ASSERT_TRUE(bus().admin().set_retention("t", {.time = std::nullopt, .bytes = std::nullopt}));
  auto sender = producer("t");
  auto receiver = consumer("t");
  Timestamp middle{};
  for (int i = 0; i < 6; ++i) {
    sender.send(body(std::to_string(i))).value();
    auto delivery = next(receiver);
    if (i == 3) middle = delivery->publish_time;
    ASSERT_TRUE(delivery.ack());
    // Publish times are milliseconds: the next one shall have another.
    ASSERT_TRUE(eventually([&] { return std::chrono::system_clock::now() > delivery->publish_time + 1ms; }));
  }
  if (refused(Feature::seek, receiver.seek(middle))) return;
  for (int i = 3; i < 6; ++i) EXPECT_EQ(next(receiver)->body, std::to_string(i));
}

TEST_F(Conformance, SeekToTheEndsOfATopic) {
  publish("t", 5);
  ASSERT_TRUE(bus().admin().set_retention("t", {.time = std::nullopt, .bytes = std::nullopt}));
  auto receiver = consumer("t");
  EXPECT_EQ(next(receiver)->body, "0");
  if (refused(Feature::seek, receiver.seek(InitialPosition::latest))) return;
  EXPECT_EQ(subscription_stats("t").backlog, 0U);
  producer("t").send(body("new")).value();
  EXPECT_EQ(next(receiver)->body, "new");
  ASSERT_TRUE(receiver.seek(InitialPosition::earliest));
  EXPECT_EQ(next(receiver)->body, "0");
}

TEST_F(Conformance, SeekFromOutsideMovesEveryConsumerOfASharedGroup) {
  const auto ids = publish("t", 20);
  ASSERT_TRUE(bus().admin().set_retention("t", {.time = std::nullopt, .bytes = std::nullopt}));
  auto first = consumer("t", SubscriptionType::shared);
  auto second = consumer("t", SubscriptionType::shared);
  ASSERT_TRUE(eventually([&] { return subscription_stats("t").unacked == 20; }));
  if (refused(Feature::seek, bus().admin().seek("t", "group", ids[15]))) return;
  std::set<std::string> seen;
  for (auto* receiver : {&first, &second}) {
    while (true) {
      auto delivery = receiver->receive(kQuiet);
      if (!delivery) break;
      EXPECT_TRUE(seen.insert((*delivery)->body).second);
      ASSERT_TRUE(delivery->ack());
    }
  }
  EXPECT_EQ(seen, (std::set<std::string>{"15", "16", "17", "18", "19"}));
  EXPECT_EQ(bus().admin().seek("t", "nobody", ids[0]).error().code, ErrorCode::subscription_not_found);
}

TEST_F(Conformance, SeekUnderAHandlerLosesNothing) {
  const auto ids = publish("t", 100);
  ASSERT_TRUE(bus().admin().set_retention("t", {.time = std::nullopt, .bytes = std::nullopt}));
  std::mutex mutex;
  std::vector<std::string> seen;
  auto with = options("t", SubscriptionType::key_shared);
  with.orderly = true;
  with.handler_threads = 2;
  auto running = bus()
                     .subscribe(with,
                                [&](Delivery& delivery) -> Result<> {
                                  const std::lock_guard lock(mutex);
                                  seen.push_back(delivery->body);
                                  return {};
                                })
                     .value();
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return seen.size() > 20;
  }));
  if (refused(Feature::seek, running.seek(ids[0]))) return;
  ASSERT_TRUE(eventually([&] { return subscription_stats("t").backlog == 0; }));
  const std::lock_guard lock(mutex);
  ASSERT_GE(seen.size(), 100U);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(seen[seen.size() - 100 + static_cast<std::size_t>(i)], std::to_string(i));
}

// --- skip and expire
// -----------------------------------------------------------------------------------------------

TEST_F(Conformance, SkipPassesOverTheNextUnacknowledgedOnes) {
  publish("t", 10);
  {
    auto receiver = consumer("t");
    static_cast<void>(next(receiver));
    ASSERT_TRUE(next(receiver).ack());
  }
  ASSERT_TRUE(bus().admin().skip("t", "group", 3));
  EXPECT_EQ(subscription_stats("t").backlog, 6U);
  restart();
  EXPECT_EQ(subscription_stats("t").backlog, 6U);
  auto receiver = consumer("t");
  EXPECT_EQ(next(receiver)->body, "4") << "0, 2 and 3 were skipped";
  ASSERT_TRUE(bus().admin().skip("t", "group", 1'000'000));
  EXPECT_EQ(subscription_stats("t").backlog, 0U);
}

TEST_F(Conformance, ExpirePassesOverWhatIsOlder) {
  auto admin = bus().admin();
  ASSERT_TRUE(admin.create_subscription("t", "group", InitialPosition::earliest));
  publish("t", 4);
  const auto old = admin.browse("t", std::nullopt, 4).value();
  ASSERT_TRUE(eventually([&] { return std::chrono::system_clock::now() > old.back().publish_time + 1ms; }));
  producer("t").send(body("new")).value();
  ASSERT_TRUE(admin.expire("t", "group", old.front().publish_time));
  EXPECT_EQ(subscription_stats("t").backlog, 5U) << "nothing is older than the oldest";
  ASSERT_TRUE(admin.expire("t", "group", old.back().publish_time + 1ms));
  EXPECT_EQ(subscription_stats("t").backlog, 1U);
  auto receiver = consumer("t");
  EXPECT_EQ(next(receiver)->body, "new");
}

}  // namespace
}  // namespace geminga::conformance
