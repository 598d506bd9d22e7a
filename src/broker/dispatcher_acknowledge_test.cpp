// Acknowledgements that meet others on their way to the disk, and those of Pulsar's clients, who name what
// they had once.
#include "broker/dispatcher_fixture.hpp"

namespace geminga::broker {
namespace {

class DispatcherAcknowledgeTest : public testing::DispatcherTest {
 protected:
  std::optional<Settling> begin_any(Acknowledgement what) {
    what.whoever = true;
    return dispatcher_->begin_acknowledge(1, what, turn_);
  }
  /// With all before it; of a batch all but what is `left`.
  std::optional<Settling> begin_up_to(std::uint64_t entry, std::optional<AckBits> left = {}) {
    Acknowledgement what;
    if (!left) what.up_to = EntryId{entry};
    if (left && entry > 0) what.up_to = EntryId{entry - 1};
    if (left) what.rests.push_back({.entry = EntryId{entry}, .left = *left});
    return dispatcher_->begin_acknowledge(1, what, turn_);
  }
  [[nodiscard]] std::uint64_t backlog() const {
    return dispatcher_->backlog(EntryId{0}, EntryId{topic_.size()});
  }
  /// As after a restart: the position is known, and what was out is not.
  void restart(SubscriptionType type) { make(type, {.hold_delayed = false}); }

  std::uint64_t turn_ = 1;
};
using testing::entries_of;
using testing::Gots;

TEST_F(DispatcherAcknowledgeTest, ACumulativeOneInsideABatchIsTakenWhileTheOneBeforeItIsOnItsWay) {
  make(SubscriptionType::exclusive);
  publish();
  publish(0, {}, 3);
  join(1);
  pump();
  const auto first = begin_up_to(1, AckBits{0b110});
  ASSERT_TRUE(first);
  ++turn_;
  const auto second = begin_up_to(1, AckBits{0b100});
  ASSERT_TRUE(second) << "its first entry is settling, not lost";
  dispatcher_->acknowledged(*first);
  dispatcher_->acknowledged(*second);
  EXPECT_EQ(dispatcher_->cursor().next, EntryId{1});
  EXPECT_EQ(dispatcher_->unacked_count(), 1U);
}

TEST_F(DispatcherAcknowledgeTest, ALaterOneHoldsAllThatItPromises) {
  make(SubscriptionType::exclusive);
  for (int i = 0; i < 3; ++i) publish();
  join(1);
  pump();
  const Settling first = begin_up_to(1).value();
  ++turn_;
  const Settling second = begin_up_to(2).value();
  dispatcher_->acknowledge_failed(first, now());
  EXPECT_TRUE(pump().empty()) << "the second is on its way with it";
  dispatcher_->acknowledged(second);
  EXPECT_EQ(dispatcher_->cursor().next, EntryId{3});
  EXPECT_EQ(dispatcher_->unacked_count(), 0U);
}

TEST_F(DispatcherAcknowledgeTest, TheSameOneTwiceIsGoodTwice) {
  make(SubscriptionType::exclusive);
  publish();
  join(1);
  pump();
  const Settling first = begin_up_to(0).value();
  ++turn_;
  const Settling second = begin_up_to(0).value();
  dispatcher_->acknowledged(first);
  EXPECT_EQ(backlog(), 0U);
  dispatcher_->acknowledge_failed(second, now());
  EXPECT_EQ(backlog(), 0U);
  EXPECT_TRUE(pump().empty());
}

TEST_F(DispatcherAcknowledgeTest, WhatOneTurnHasInCommonIsWrittenOnce) {
  make(SubscriptionType::exclusive);
  for (int i = 0; i < 3; ++i) publish();
  join(1);
  pump();
  Settling turn = begin_up_to(1).value();
  turn.add(begin_up_to(1).value());
  turn.add(begin_up_to(2).value());
  EXPECT_EQ(turn.entries.size(), 3U);
  EXPECT_EQ(turn.ranges(), (std::vector<storage::EntryRange>{{.first = EntryId{0}, .last = EntryId{2}}}));
  dispatcher_->acknowledge_failed(turn, now());
  EXPECT_EQ(dispatcher_->unacked_count(), 3U);
  EXPECT_TRUE(begin(1, {0, 1, 2})) << "they are out as before";
}

// --- whoever has it now

TEST_F(DispatcherAcknowledgeTest, WhatWaitsToComeAgainIsSettled) {
  make(SubscriptionType::shared);
  for (int i = 0; i < 2; ++i) publish();
  join(1);
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, {}, true, now()));
  EXPECT_FALSE(begin(1, {0}));
  const auto settling = begin_any({.entries = {EntryId{0}}});
  ASSERT_TRUE(settling);
  EXPECT_TRUE(pump().empty());
  dispatcher_->acknowledged(*settling);
  EXPECT_EQ(backlog(), 1U);
  const auto again = begin_any({.entries = {EntryId{0}}});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->empty()) << "it is done";
}

TEST_F(DispatcherAcknowledgeTest, WhatIsOutWithAnotherOneIsSettled) {
  make(SubscriptionType::shared);
  publish();
  join(1);
  pump();
  join(2);
  dispatcher_->remove_consumer(1, now());
  EXPECT_EQ(pump(), (std::vector<Got>{{.consumer = 2, .entry = 0, .redeliveries = 1}}));
  const Settling late = begin_any({.entries = {EntryId{0}}}).value();
  const Settling its =
      dispatcher_->begin_acknowledge(2, {.entries = {EntryId{0}}, .whoever = true}, 2).value();
  dispatcher_->acknowledged(late);
  EXPECT_EQ(dispatcher_->recipients().find(2)->unacked, 0U);
  dispatcher_->acknowledge_failed(its, now());
  EXPECT_EQ(backlog(), 0U);
  EXPECT_TRUE(pump().empty());
}

TEST_F(DispatcherAcknowledgeTest, WhereItCouldNotBeWrittenItWaitsAsBefore) {
  make(SubscriptionType::shared);
  publish();
  join(1);
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, std::chrono::milliseconds{5}, true, now()));
  const Settling late = begin_any({.entries = {EntryId{0}}}).value();
  dispatcher_->acknowledge_failed(late, now());
  EXPECT_TRUE(pump().empty());
  clock_.advance(std::chrono::milliseconds{5});
  EXPECT_EQ(pump(), (std::vector<Got>{{.consumer = 1, .entry = 0, .redeliveries = 1}}));
}

TEST_F(DispatcherAcknowledgeTest, WhatWasDeliveredBeforeARestartIsSettledBeforeItComesAgain) {
  restart(SubscriptionType::shared);
  for (int i = 0; i < 4; ++i) publish();
  const Settling good = begin_any({.entries = {EntryId{1}}}).value();
  ++turn_;
  const Settling bad = begin_any({.entries = {EntryId{2}}}).value();
  join(1);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 3}));
  dispatcher_->acknowledged(good);
  dispatcher_->acknowledge_failed(bad, now());
  EXPECT_EQ(pump(), (std::vector<Got>{{.consumer = 1, .entry = 2, .redeliveries = 0}}));
  EXPECT_EQ(backlog(), 3U);
  EXPECT_EQ(dispatcher_->unacked_count(), 3U);
}

TEST_F(DispatcherAcknowledgeTest, ACumulativeOneAfterARestartCoversWhatWasNotReadYet) {
  restart(SubscriptionType::exclusive);
  for (int i = 0; i < 5; ++i) publish();
  const Settling first = begin_any({.up_to = EntryId{1}}).value();
  ++turn_;
  const Settling second = begin_any({.up_to = EntryId{2}}).value();
  join(1);
  EXPECT_EQ(entries_of(pump()), (Gots{3, 4}));
  dispatcher_->acknowledge_failed(first, now());
  EXPECT_TRUE(pump().empty());
  dispatcher_->acknowledged(second);
  EXPECT_EQ(dispatcher_->cursor().next, EntryId{3});
  EXPECT_EQ(backlog(), 2U);
}

TEST_F(DispatcherAcknowledgeTest, ACumulativeOneThatCouldNotBeWrittenIsReadAfterAll) {
  restart(SubscriptionType::exclusive);
  for (int i = 0; i < 4; ++i) publish();
  const Settling settling = begin_any({.up_to = EntryId{1}}).value();
  join(1);
  EXPECT_EQ(entries_of(pump()), (Gots{2, 3}));
  dispatcher_->acknowledge_failed(settling, now());
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
  EXPECT_EQ(dispatcher_->unacked_count(), 4U);
}

TEST_F(DispatcherAcknowledgeTest, AReadThatWasUnderWayDoesNotPassByWhatIsReadAgain) {
  restart(SubscriptionType::exclusive);
  for (int i = 0; i < 4; ++i) publish();
  const Settling settling = begin_any({.up_to = EntryId{1}}).value();
  join(1);
  const auto want = dispatcher_->next_read(EntryId{4}, now()).value();
  EXPECT_EQ(want.from, EntryId{2});
  dispatcher_->acknowledge_failed(settling, now());
  dispatcher_->feed(want, {topic_[2], topic_[3]}, now());
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1, 2, 3}));
}

TEST_F(DispatcherAcknowledgeTest, WhatIsHeldUntilItsTimeStaysUnderACumulativeOne) {
  make(SubscriptionType::exclusive);
  publish(0, std::chrono::milliseconds{10});
  publish();
  publish();
  join(1, {.messages = 1, .bytes = 1 << 20});
  EXPECT_EQ(entries_of(pump()), (Gots{1}));
  dispatcher_->acknowledged(begin_any({.up_to = EntryId{1}}).value());
  EXPECT_EQ(backlog(), 2U);
  EXPECT_FALSE(begin_any({.up_to = EntryId{2}})) << "nobody knows yet what of it is to be held";
}

TEST_F(DispatcherAcknowledgeTest, WhatIsHeldDoesNotComeOnceItIsAcknowledged) {
  make(SubscriptionType::shared);
  publish(0, std::chrono::milliseconds{10});
  join(1);
  EXPECT_TRUE(pump().empty());
  const Settling settling = begin_any({.entries = {EntryId{0}}}).value();
  clock_.advance(std::chrono::milliseconds{10});
  EXPECT_TRUE(pump().empty());
  dispatcher_->acknowledged(settling);
  EXPECT_TRUE(pump().empty());
  EXPECT_EQ(backlog(), 0U);
  EXPECT_EQ(dispatcher_->delayed_count(), 0U);
}

TEST_F(DispatcherAcknowledgeTest, MessagesOfABatchThatWaitsAreSettled) {
  make(SubscriptionType::shared);
  publish(0, {}, 3);
  join(1);
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, std::chrono::milliseconds{5}, true, now()));
  dispatcher_->acknowledged(begin_any({.rests = {{.entry = EntryId{0}, .left = {0b101}}}}).value());
  clock_.advance(std::chrono::milliseconds{5});
  pump();
  EXPECT_EQ(last_acknowledged_, AckBits{0b010});
  EXPECT_EQ(dispatcher_->unacked_count(), 2U);
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, std::chrono::milliseconds{5}, true, now()));
  dispatcher_->acknowledged(begin_any({.rests = {{.entry = EntryId{0}, .left = {}}}}).value());
  EXPECT_EQ(backlog(), 0U);
  EXPECT_EQ(dispatcher_->waiting_count(), 0U);
}

TEST_F(DispatcherAcknowledgeTest, MessagesOfABatchThatWasNotReadAreRefused) {
  restart(SubscriptionType::shared);
  publish(0, {}, 3);
  EXPECT_FALSE(begin_any({.rests = {{.entry = EntryId{0}, .left = {0b101}}}}));
}

}  // namespace
}  // namespace geminga::broker
