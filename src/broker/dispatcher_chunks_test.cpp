// Messages that were published in chunks.
#include "broker/dispatcher_fixture.hpp"

namespace geminga::broker {
namespace {

class DispatcherChunksTest : public testing::DispatcherTest {
 protected:
  /// One chunk of a message of this producer.
  void chunk(std::uint64_t producer, std::uint16_t index, std::uint16_t of,
             std::chrono::milliseconds delay = {}) {
    publish(0, delay);
    storage::EntryHeader& header = topic_.back().header;
    header.flags = storage::EntryFlags::kChunk;
    header.producer = producer;
    header.chunk_index = index;
    header.chunk_count = of;
  }
  [[nodiscard]] std::map<std::uint64_t, ConsumerNumber> whose() const {
    std::map<std::uint64_t, ConsumerNumber> whose;
    for (const Got& one : got_) whose[one.entry] = one.consumer;
    return whose;
  }
  static Recipient some(std::uint32_t messages) { return {.messages = messages, .bytes = 1 << 30}; }
};
using testing::entries_of;
using testing::Gots;

TEST_F(DispatcherChunksTest, AllChunksOfAMessageGoToOneConsumer) {
  make(SubscriptionType::shared);
  for (std::uint16_t i = 0; i < 4; ++i) {
    chunk(1, i, 4);
    chunk(2, i, 4);
    publish();
  }
  for (const ConsumerNumber each : {1, 2, 3}) join(each);
  EXPECT_EQ(pump().size(), 12U);
  for (std::uint64_t i = 1; i < 4; ++i) {
    EXPECT_EQ(whose()[3 * i], whose()[0]) << i;
    EXPECT_EQ(whose()[3 * i + 1], whose()[1]) << i;
  }
  EXPECT_NE(whose()[0], whose()[1]);
}

TEST_F(DispatcherChunksTest, WhatItsConsumerHasNoRoomForWaitsAndOthersGoOn) {
  make(SubscriptionType::shared);
  for (std::uint16_t i = 0; i < 3; ++i) chunk(1, i, 3);
  publish();
  publish();
  join(1, some(1));
  EXPECT_EQ(entries_of(pump()), (Gots{0}));
  join(2);
  EXPECT_EQ(entries_of(pump()), (Gots{3, 4}));
  EXPECT_EQ(dispatcher_->waiting_count(), 2U);
  dispatcher_->add_permits(1, {.messages = 1, .bytes = 0});
  EXPECT_EQ(pump(), (std::vector<Got>{{1, 1, 0}}));
  dispatcher_->add_permits(1, {.messages = 5, .bytes = 0});
  EXPECT_EQ(pump(), (std::vector<Got>{{1, 2, 0}}));
}

TEST_F(DispatcherChunksTest, OneThatIsGivenBackComesWithAllOthersInOrder) {
  make(SubscriptionType::shared);
  for (std::uint16_t i = 0; i < 3; ++i) chunk(1, i, 3);
  publish();
  join(1);
  EXPECT_EQ(pump().size(), 4U);
  join(2);
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{2}, std::chrono::milliseconds{5}, true, now()));
  EXPECT_TRUE(pump().empty());
  clock_.advance(std::chrono::milliseconds{5});
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1, 2}));
  for (const Got& one : got_) {
    EXPECT_EQ(one.consumer, got_.front().consumer);
    EXPECT_EQ(one.redeliveries, 1U);
  }
}

TEST_F(DispatcherChunksTest, WhatIsReadWhileAnEarlierOneComesBackKeepsTheOrder) {
  make(SubscriptionType::shared);
  for (std::uint16_t i = 0; i < 3; ++i) chunk(1, i, 3);
  join(1, some(1));
  join(2, some(0));
  EXPECT_EQ(entries_of(pump()), (Gots{0}));
  dispatcher_->add_permits(2, {.messages = 5, .bytes = 0});
  EXPECT_TRUE(pump().empty()) << "they wait for the first consumer";
  dispatcher_->add_permits(1, {.messages = 5, .bytes = 0});
  const auto waiting = dispatcher_->next_read(EntryId{3}, now()).value();
  EXPECT_EQ(waiting.from, EntryId{1});
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, {}, true, now()));
  dispatcher_->feed(waiting, {topic_[1], topic_[2]}, now());
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1, 2}));
  chunk(2, 0, 2);
  EXPECT_EQ(entries_of(pump()), (Gots{3}));
  const ConsumerNumber whose = got_.front().consumer;
  chunk(2, 1, 2);
  const auto unread = dispatcher_->next_read(EntryId{5}, now()).value();
  ASSERT_TRUE(dispatcher_->return_entry(whose, EntryId{3}, {}, true, now()));
  dispatcher_->feed(unread, {topic_[4]}, now());
  EXPECT_EQ(entries_of(pump()), (Gots{3, 4}));
}

TEST_F(DispatcherChunksTest, WhoLeavesGivesAllOfItToAnother) {
  make(SubscriptionType::shared);
  for (std::uint16_t i = 0; i < 4; ++i) chunk(1, i, 4);
  join(1, some(2));
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
  join(2);
  join(3);
  EXPECT_TRUE(pump().empty());
  dispatcher_->remove_consumer(1, now());
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1, 2, 3}));
  for (const Got& one : got_) EXPECT_EQ(one.consumer, got_.front().consumer);
}

TEST_F(DispatcherChunksTest, WhoLeavesWithNothingOutLeavesWhatWaitedForIt) {
  make(SubscriptionType::shared);
  for (std::uint16_t i = 0; i < 3; ++i) chunk(1, i, 3);
  publish();
  join(1, some(1));
  pump();
  join(2);
  pump();
  acknowledge(1, 0);
  dispatcher_->remove_consumer(1, now());
  EXPECT_EQ(entries_of(pump()), (Gots{1, 2}));
}

TEST_F(DispatcherChunksTest, WhatIsPublishedAfterARedeliveryFollowsTheOthers) {
  make(SubscriptionType::shared);
  chunk(1, 0, 3);
  join(1);
  EXPECT_EQ(entries_of(pump()), (Gots{0}));
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, std::chrono::milliseconds{5}, true, now()));
  chunk(1, 1, 3);
  EXPECT_TRUE(pump().empty()) << "it waits with the one before it";
  clock_.advance(std::chrono::milliseconds{5});
  join(2);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
  chunk(1, 2, 3);
  pump();
  EXPECT_EQ(got_.size(), 1U);
  EXPECT_TRUE(dispatcher_->outstanding(got_.front().consumer, EntryId{0}));
  EXPECT_TRUE(dispatcher_->outstanding(got_.front().consumer, EntryId{1}));
}

TEST_F(DispatcherChunksTest, WhatIsHeldUntilItsTimeStaysTogether) {
  make(SubscriptionType::shared);
  for (std::uint16_t i = 0; i < 3; ++i) chunk(1, i, 3, std::chrono::milliseconds{5});
  for (const ConsumerNumber each : {1, 2}) join(each, some(2));
  EXPECT_TRUE(pump().empty());
  clock_.advance(std::chrono::milliseconds{5});
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
  const ConsumerNumber whose = got_.front().consumer;
  EXPECT_EQ(got_.back().consumer, whose);
  dispatcher_->add_permits(whose, kMany);
  EXPECT_EQ(pump(), (std::vector<Got>{{whose, 2, 0}}));
}

TEST_F(DispatcherChunksTest, AnAcknowledgementTimeoutTakesAllOfItBack) {
  make(SubscriptionType::shared);
  for (std::uint16_t i = 0; i < 2; ++i) chunk(1, i, 2);
  Recipient slow = many();
  slow.ack_timeout = std::chrono::milliseconds{5};
  join(1, slow);
  pump();
  clock_.advance(std::chrono::milliseconds{5});
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
}

TEST_F(DispatcherChunksTest, NothingIsKeptOfWhatIsAcknowledged) {
  make(SubscriptionType::shared);
  for (std::uint16_t i = 0; i < 2; ++i) chunk(1, i, 2);
  join(1);
  pump();
  for (const std::uint64_t each : {0, 1}) acknowledge(1, each);
  join(2);
  chunk(1, 0, 2);  // the same number again, of a producer that began anew
  chunk(1, 1, 2);
  EXPECT_EQ(entries_of(pump()), (Gots{2, 3}));
  EXPECT_EQ(got_.front().consumer, got_.back().consumer);
}

TEST_F(DispatcherChunksTest, OnOtherTypesItComesAgainTogetherToo) {
  make(SubscriptionType::exclusive);
  for (std::uint16_t i = 0; i < 2; ++i) chunk(1, i, 2);
  publish();
  join(1);
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{1}, {}, true, now()));
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
}

}  // namespace
}  // namespace geminga::broker
