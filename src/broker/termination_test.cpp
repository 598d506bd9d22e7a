// The end of a topic while others publish to it.
#include <algorithm>
#include <mutex>
#include <thread>

#include "broker/broker_fixture.hpp"

namespace geminga::broker {
namespace {

using testing::Inbox;
using testing::wait_for;

class TerminationTest : public testing::BrokerTest {
 protected:
  Result<std::optional<MessageId>> terminate(const TopicPtr& topic) {
    return wait_for<std::optional<MessageId>>(
        [&](auto done) { broker_->terminate_topic(topic, std::move(done)); });
  }
  Result<std::vector<MessageId>> try_publish(const TopicPtr& topic) {
    std::vector<Publication> one;
    one.push_back({.topic = topic, .append = encode_raw({.body = "x"}, "", Timestamp{})});
    return wait_for<std::vector<MessageId>>(
        [&](auto done) { broker_->publish(std::move(one), std::move(done)); });
  }
};

TEST_F(TerminationTest, NothingIsStoredBehindTheLastMessageWhoeverPublishes) {
  for (int round = 0; round < 5; ++round) {
    const TopicPtr ended = topic("persistent://public/default/t" + std::to_string(round));
    std::mutex mutex;
    std::optional<MessageId> highest;  // under mutex
    std::vector<std::thread> publishers;
    publishers.reserve(4);
    for (int i = 0; i < 4; ++i) {
      publishers.emplace_back([&] {
        while (true) {
          const auto ids = try_publish(ended);
          if (!ids) {
            EXPECT_EQ(ids.error().code, ErrorCode::topic_terminated);
            return;
          }
          const std::lock_guard lock(mutex);
          highest = std::max(highest, std::optional(ids->front()));
        }
      });
    }
    while (stats(ended).stored_messages < 20) std::this_thread::yield();
    const auto last = terminate(ended);
    for (std::thread& publisher : publishers) publisher.join();
    ASSERT_TRUE(last) << last.error().message;
    EXPECT_EQ(*last, highest);
    EXPECT_EQ(stats(ended).last_message_id, *last);
    EXPECT_EQ(terminate(ended).value(), *last);
  }
  reopen();
  const TopicPtr ended = topic("persistent://public/default/t0");
  EXPECT_EQ(terminate(ended).value(), stats(ended).last_message_id);
  EXPECT_EQ(try_publish(ended).error().code, ErrorCode::topic_terminated);
}

TEST_F(TerminationTest, ADeletedTopicIsNotTerminated) {
  const TopicPtr gone = topic();
  ASSERT_TRUE(wait_for<void>(
      [&](auto done) { broker_->delete_topic("persistent://public/default/t", true, std::move(done)); }));
  EXPECT_EQ(terminate(gone).error().code, ErrorCode::topic_not_found);
}

TEST_F(TerminationTest, TheEndComesOnceUntilASeekBringsMessagesBack) {
  const TopicPtr ended = topic();
  // It needs what the other one has acknowledged, so that it is there for the seek.
  ASSERT_TRUE(wait_for<void>([&](auto done) {
    broker_->create_subscription(ended, "keeps", InitialPosition::earliest, std::move(done));
  }));
  publish(ended, "x");
  auto inbox = std::make_shared<Inbox>();
  const auto consumer = subscribe(ended, inbox).value();
  const EntryId entry = inbox->next().entry.header.entry;
  ASSERT_TRUE(terminate(ended));
  ASSERT_TRUE(acknowledge(consumer, entry));
  EXPECT_TRUE(inbox->heard({"end"}));
  ASSERT_TRUE(terminate(ended));
  ASSERT_TRUE(wait_for<void>([&](auto done) { consumer->seek(InitialPosition::earliest, std::move(done)); }));
  EXPECT_EQ(body(inbox->next()), "x");
  EXPECT_TRUE(inbox->heard({"end", "seek"}));
  ASSERT_TRUE(acknowledge(consumer, entry));
  EXPECT_TRUE(inbox->heard({"end", "seek", "end"}));
}

}  // namespace
}  // namespace geminga::broker
