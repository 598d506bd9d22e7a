#include "broker/dispatcher.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.hpp"

namespace geminga::broker {
namespace {

/// A topic in memory, a dispatcher over it, and who got what.
class DispatcherTest : public testing::Test {
 protected:
  struct Got {
    ConsumerNumber consumer;
    std::uint64_t entry;
    std::uint32_t redeliveries;
    bool operator==(const Got&) const = default;
  };

  void make(SubscriptionType type, DispatcherOptions options = {}) {
    options.type = type;
    dispatcher_ = std::make_unique<Dispatcher>(options, storage::CursorState{},
                                               [this](ConsumerNumber to, Delivered delivered) {
                                                 got_.push_back({.consumer = to,
                                                                 .entry = delivered.entry.header.entry.value,
                                                                 .redeliveries = delivered.redelivery_count});
                                                 last_acknowledged_ = delivered.acknowledged;
                                               });
  }

  void publish(std::uint32_t hash = 0, std::chrono::milliseconds delay = {}, std::uint32_t messages = 1) {
    storage::Entry entry;
    entry.header.message_count = messages;
    entry.header.entry = EntryId{topic_.size()};
    entry.header.key_hash = hash;
    if (delay.count() > 0) entry.header.deliver_at = clock_.wall_now() + delay;
    topic_.push_back(entry);
  }

  [[nodiscard]] Now now() const { return {.wall = clock_.wall_now(), .monotonic = clock_.monotonic_now()}; }

  /// Reads and sends until nothing more can be sent; returns what went out.
  std::vector<Got> pump() {
    got_.clear();
    while (const auto want = dispatcher_->next_read(EntryId{topic_.size()}, now())) {
      const auto from = topic_.begin() + static_cast<std::ptrdiff_t>(want->from.value);
      const auto count = std::min<std::ptrdiff_t>(want->entries_max, topic_.end() - from);
      dispatcher_->feed(*want, {from, from + count}, now());
    }
    return got_;
  }

  void join(ConsumerNumber consumer, Recipient recipient = many()) {
    dispatcher_->add_consumer(consumer, std::move(recipient), now());
  }
  static Recipient many() { return {.messages = 1'000, .bytes = 1 << 30}; }

  std::optional<Settling> begin(ConsumerNumber consumer, std::vector<std::uint64_t> entries) {
    Acknowledgement what;
    for (const std::uint64_t entry : entries) what.entries.push_back(EntryId{entry});
    return dispatcher_->begin_acknowledge(consumer, what);
  }
  void acknowledge(ConsumerNumber consumer, std::uint64_t entry) {
    const auto settling = begin(consumer, {entry});
    ASSERT_TRUE(settling);
    dispatcher_->acknowledged(*settling);
  }
  /// False: refused.
  bool acknowledge_up_to(ConsumerNumber consumer, std::uint64_t last) {
    const auto settling =
        dispatcher_->begin_acknowledge(consumer, {.entries = {}, .batches = {}, .up_to = EntryId{last}});
    if (settling) dispatcher_->acknowledged(*settling);
    return settling.has_value();
  }
  std::optional<Settling> begin_batch(ConsumerNumber consumer, std::uint64_t entry, std::uint64_t bits) {
    return dispatcher_->begin_acknowledge(
        consumer, {.entries = {}, .batches = {{.entry = EntryId{entry}, .acknowledged = {bits}}}});
  }

  static constexpr Permits kMany{.messages = 1'000, .bytes = 1 << 30};
  base::ManualClock clock_;
  std::vector<storage::Entry> topic_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::vector<Got> got_;
  AckBits last_acknowledged_;
};

using Gots = std::vector<std::uint64_t>;

template <class T>
Gots entries_of(const std::vector<T>& got) {
  Gots entries;
  for (const auto& one : got) entries.push_back(one.entry);
  return entries;
}

TEST_F(DispatcherTest, ExclusiveSendsInOrderWithinPermits) {
  make(SubscriptionType::exclusive);
  for (int i = 0; i < 5; ++i) publish();
  join(1, {.messages = 3, .bytes = 1 << 20});
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1, 2}));
  EXPECT_EQ(pump().size(), 0U);
  dispatcher_->add_permits(1, {.messages = 1, .bytes = 0});
  EXPECT_EQ(entries_of(pump()), (Gots{3}));
  EXPECT_EQ(dispatcher_->backlog(EntryId{0}, EntryId{5}), 5U);
  acknowledge(1, 1);
  EXPECT_EQ(dispatcher_->backlog(EntryId{0}, EntryId{5}), 4U);
  EXPECT_EQ(dispatcher_->cursor().next, EntryId{0});
  acknowledge(1, 0);
  EXPECT_EQ(dispatcher_->cursor().next, EntryId{2});
}

TEST_F(DispatcherTest, BytesStopDispatchAndOneEntryMayGoOver) {
  make(SubscriptionType::exclusive);
  for (int i = 0; i < 3; ++i) publish();
  join(1, {.messages = 100, .bytes = 1});
  EXPECT_EQ(entries_of(pump()), (Gots{0}));
  dispatcher_->add_permits(1, {.messages = 0, .bytes = 256});
  EXPECT_EQ(entries_of(pump()), (Gots{1}));
}

TEST_F(DispatcherTest, SharedGoesRound) {
  make(SubscriptionType::shared);
  for (int i = 0; i < 4; ++i) publish();
  join(1);
  join(2);
  const auto got = pump();
  EXPECT_EQ(std::ranges::count(got, ConsumerNumber{1}, &Got::consumer), 2);
  EXPECT_EQ(std::ranges::count(got, ConsumerNumber{2}, &Got::consumer), 2);
}

TEST_F(DispatcherTest, ReturnedComesAgainCountedAndAfterItsDelay) {
  make(SubscriptionType::shared);
  publish();
  join(1);
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, std::chrono::milliseconds{100}, true, now()));
  EXPECT_FALSE(dispatcher_->return_entry(1, EntryId{0}, {}, true, now()));
  EXPECT_EQ(pump().size(), 0U);
  EXPECT_EQ(dispatcher_->next_due(now()), clock_.monotonic_now() + std::chrono::milliseconds{100});
  clock_.advance(std::chrono::milliseconds{99});
  EXPECT_EQ(pump().size(), 0U);
  clock_.advance(std::chrono::milliseconds{1});
  EXPECT_EQ(pump(), (std::vector<Got>{{.consumer = 1, .entry = 0, .redeliveries = 1}}));
}

TEST_F(DispatcherTest, GivenBackDoesNotCount) {
  make(SubscriptionType::exclusive);
  publish();
  join(1);
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, {}, false, now()));
  EXPECT_EQ(pump(), (std::vector<Got>{{.consumer = 1, .entry = 0, .redeliveries = 0}}));
}

TEST_F(DispatcherTest, WhatALeaverHadGoesToOthersAndWhatItAcknowledgesStays) {
  make(SubscriptionType::shared);
  for (int i = 0; i < 3; ++i) publish();
  join(1);
  pump();
  const auto settling = begin(1, {1});
  ASSERT_TRUE(settling);
  dispatcher_->remove_consumer(1, now());
  join(2);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 2}));
  dispatcher_->acknowledged(*settling);
  EXPECT_EQ(dispatcher_->backlog(EntryId{0}, EntryId{3}), 2U);
  EXPECT_FALSE(begin(1, {1}));
}

TEST_F(DispatcherTest, AcknowledgementThatFailedLeavesItOutOrGivesItToOthers) {
  make(SubscriptionType::shared);
  publish();
  publish();
  join(1);
  pump();
  dispatcher_->acknowledge_failed(begin(1, {0, 1}).value(), now());
  EXPECT_EQ(pump().size(), 0U);
  const Settling both = begin(1, {0, 1}).value();
  dispatcher_->remove_consumer(1, now());
  dispatcher_->acknowledge_failed(both, now());
  join(2);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
}

TEST_F(DispatcherTest, DelayedIsNeverEarlyAndOthersOvertakeIt) {
  make(SubscriptionType::shared);
  publish(0, std::chrono::milliseconds{50});
  publish();
  join(1);
  EXPECT_EQ(entries_of(pump()), (Gots{1}));
  EXPECT_EQ(dispatcher_->delayed_count(), 1U);
  clock_.advance(std::chrono::milliseconds{49});
  EXPECT_EQ(pump().size(), 0U);
  clock_.advance(std::chrono::milliseconds{1});
  EXPECT_EQ(pump(), (std::vector<Got>{{.consumer = 1, .entry = 0, .redeliveries = 0}}));
}

TEST_F(DispatcherTest, AMessageForTheEndOfTimeWakesNobody) {
  make(SubscriptionType::shared);
  join(1);
  constexpr std::chrono::years kNineThousand{9'000};
  for (const Timestamp when : {clock_.wall_now() + kNineThousand, Timestamp::max()}) {
    topic_.clear();
    dispatcher_->move_cursor(EntryId{0});
    publish();
    topic_.back().header.deliver_at = when;
    EXPECT_TRUE(pump().empty());
    EXPECT_EQ(dispatcher_->delayed_count(), 1U);
    EXPECT_GT(dispatcher_->next_due(now()).value(), now().monotonic);
  }
}

TEST_F(DispatcherTest, WithoutHoldDelayedIsSentInOrder) {
  make(SubscriptionType::exclusive, {.hold_delayed = false});
  publish(0, std::chrono::milliseconds{50});
  publish();
  join(1);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
}

TEST_F(DispatcherTest, KeyStaysWithItsConsumerUntilNothingIsOut) {
  make(SubscriptionType::key_shared);
  join(1);
  constexpr std::uint32_t kKeys = 50;
  for (std::uint32_t hash = 1; hash <= kKeys; ++hash) publish(hash);
  EXPECT_EQ(pump().size(), kKeys);
  join(2);
  for (std::uint32_t hash = 1; hash <= kKeys; ++hash) publish(hash);
  // Keys that stayed with 1 go on; those that moved to 2 wait for their first message.
  const std::size_t stayed = pump().size();
  EXPECT_GT(stayed, 0U);
  EXPECT_LT(stayed, kKeys);
  for (const Got& one : got_) EXPECT_EQ(one.consumer, 1U);
  for (std::uint64_t entry = 0; entry < kKeys; ++entry) acknowledge(1, entry);
  const auto moved = pump();
  EXPECT_EQ(moved.size(), kKeys - stayed);
  for (const Got& one : moved) EXPECT_EQ(one.consumer, 2U);
}

TEST_F(DispatcherTest, KeyWithOneThatWaitsSendsNothingNew) {
  make(SubscriptionType::key_shared);
  join(1);
  publish(7);
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, std::chrono::milliseconds{10}, true, now()));
  publish(7);
  publish(8);
  EXPECT_EQ(entries_of(pump()), (Gots{2}));
  clock_.advance(std::chrono::milliseconds{10});
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
}

TEST_F(DispatcherTest, SlowConsumerHoldsBackOnlyItsKeys) {
  make(SubscriptionType::key_shared);
  join(1, {.messages = 1, .bytes = 1 << 20});
  join(2);
  for (std::uint32_t i = 0; i < 200; ++i) publish(i % 20 + 1);
  std::map<ConsumerNumber, int> count;
  for (const Got& one : pump()) count[one.consumer] += 1;
  EXPECT_EQ(count[1], 1);
  EXPECT_GT(count[2], 0);
  EXPECT_EQ(count[2] % 10, 0) << "every message of its keys";
}

TEST_F(DispatcherTest, FirstDeliveriesOfAKeyAreInOrderWhateverJoinsAndLeaves) {
  make(SubscriptionType::key_shared);
  std::map<std::uint32_t, std::uint64_t> last_of_key;
  std::map<std::uint64_t, ConsumerNumber> out;
  std::uint64_t random = 42;
  const auto draw = [&](std::uint64_t below) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (random >> 33) % below;
  };
  ConsumerNumber next_consumer = 1;
  std::vector<ConsumerNumber> connected;
  std::map<std::uint64_t, bool> seen;
  for (int step = 0; step < 20'000; ++step) {
    const auto action = draw(10);
    if (action < 4) publish(static_cast<std::uint32_t>(draw(13)) + 1);
    if (action == 4 && connected.size() < 5) {
      join(next_consumer, {.messages = 5, .bytes = 1 << 20});
      connected.push_back(next_consumer++);
    }
    if (action == 5 && connected.size() > 1 && draw(5) == 0) {
      const auto leaver = connected[draw(connected.size())];
      std::erase(connected, leaver);
      std::erase_if(out, [&](const auto& one) { return one.second == leaver; });
      dispatcher_->remove_consumer(leaver, now());
    }
    if (action > 5 && !out.empty()) {
      const auto [entry, consumer] = *std::next(out.begin(), static_cast<std::ptrdiff_t>(draw(out.size())));
      out.erase(entry);
      if (draw(4) == 0) {
        ASSERT_TRUE(dispatcher_->return_entry(consumer, EntryId{entry}, std::chrono::milliseconds{draw(3)},
                                              true, now()));
      } else {
        acknowledge(consumer, entry);
      }
      dispatcher_->add_permits(consumer, {.messages = 1, .bytes = 256});
    }
    if (draw(3) == 0) clock_.advance(std::chrono::milliseconds{1});
    for (const Got& one : pump()) {
      ASSERT_TRUE(out.emplace(one.entry, one.consumer).second) << "sent while it was out";
      const bool first = !seen.contains(one.entry);
      seen[one.entry] = true;
      if (!first) continue;
      const std::uint32_t hash = topic_[one.entry].header.key_hash;
      if (const auto last = last_of_key.find(hash); last != last_of_key.end()) {
        ASSERT_GT(one.entry, last->second);
      }
      last_of_key[hash] = one.entry;
    }
  }
  EXPECT_GT(seen.size(), 1'000U);
}

TEST_F(DispatcherTest, SkippingLeavesWhatIsOutAndForgetsWhatWaited) {
  make(SubscriptionType::shared);
  for (int i = 0; i < 4; ++i) publish();
  join(1, {.messages = 2, .bytes = 1 << 20});
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, {}, true, now()));
  dispatcher_->skip_to(EntryId{4});
  EXPECT_EQ(dispatcher_->backlog(EntryId{0}, EntryId{4}), 0U);
  publish();
  dispatcher_->add_permits(1, kMany);
  EXPECT_EQ(entries_of(pump()), (Gots{4}));
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{1}, {}, true, now()));  // out before, skipped since
  EXPECT_EQ(pump().size(), 0U);
}

TEST_F(DispatcherTest, WhatWasSkippedWhileItWasOutDoesNotComeAgain) {
  make(SubscriptionType::shared);
  join(1);
  for (int i = 0; i < 3; ++i) publish();
  EXPECT_EQ(pump().size(), 3U);
  const Settling settling = begin(1, {2}).value();
  dispatcher_->skip_to(EntryId{3});
  dispatcher_->remove_consumer(1, now());
  dispatcher_->acknowledge_failed(settling, now());
  join(2);
  EXPECT_TRUE(pump().empty());
  EXPECT_EQ(dispatcher_->waiting_count(), 0U);
}

TEST_F(DispatcherTest, SkippingCountsOnlyWhatIsNotAcknowledged) {
  make(SubscriptionType::shared);
  for (int i = 0; i < 6; ++i) publish();
  join(1);
  pump();
  acknowledge(1, 1);
  acknowledge(1, 2);
  EXPECT_EQ(dispatcher_->behind_next(1, EntryId{6}), EntryId{1});
  EXPECT_EQ(dispatcher_->behind_next(2, EntryId{6}), EntryId{4});
  EXPECT_EQ(dispatcher_->behind_next(100, EntryId{6}), EntryId{6});
}

TEST_F(DispatcherTest, MovedBackEverythingComesAgainAndOldAnswersOfTheDiskAreDropped) {
  make(SubscriptionType::exclusive);
  for (int i = 0; i < 4; ++i) publish();
  join(1);
  pump();
  acknowledge(1, 0);
  publish();
  const auto want = dispatcher_->next_read(EntryId{5}, now());
  ASSERT_TRUE(want);
  dispatcher_->return_all(0, true, now());
  EXPECT_FALSE(begin(1, {1})) << "taken back";
  dispatcher_->move_cursor(EntryId{1});
  got_.clear();
  dispatcher_->feed(*want, {topic_[4]}, now());
  EXPECT_TRUE(got_.empty()) << "read before the move";
  EXPECT_EQ(entries_of(pump()), (Gots{1, 2, 3, 4}));
  dispatcher_->return_all(0, true, now());
  dispatcher_->move_cursor(EntryId{0});
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1, 2, 3, 4}));
  EXPECT_EQ(got_.front().redeliveries, 0U);
}

TEST_F(DispatcherTest, PausesAtItsBoundAndGoesOn) {
  make(SubscriptionType::shared, {.unacked_max = 2});
  for (int i = 0; i < 4; ++i) publish();
  join(1);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
  EXPECT_NE(dispatcher_->paused(), "");
  acknowledge(1, 0);
  EXPECT_EQ(entries_of(pump()), (Gots{2}));
}

TEST_F(DispatcherTest, TypeMayChangeBetweenConsumers) {
  make(SubscriptionType::shared);
  publish(5);
  publish(5);
  join(1);
  pump();
  dispatcher_->remove_consumer(1, now());
  dispatcher_->set_type(SubscriptionType::key_shared, true);
  join(2);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
}

TEST_F(DispatcherTest, AStoppedConsumerGetsNothingMoreAndKeepsWhatIsOut) {
  make(SubscriptionType::shared);
  join(1, {.messages = 10, .bytes = 1 << 20});
  publish();
  EXPECT_EQ(pump().size(), 1U);
  dispatcher_->stop_consumer(1);
  publish();
  EXPECT_TRUE(pump().empty());
  // What it never showed to the application goes to another one, not counted.
  EXPECT_TRUE(dispatcher_->return_entry(1, EntryId{0}, {}, false, now()));
  EXPECT_TRUE(pump().empty());
  join(2, {.messages = 10, .bytes = 1 << 20});
  const std::vector<Got> expected = {{2, 0, 0}, {2, 1, 0}};
  EXPECT_EQ(pump(), expected);
}

TEST_F(DispatcherTest, ASeekBesideAnAcknowledgementThatFailsBringsItAgainOnce) {
  make(SubscriptionType::exclusive);
  publish();
  join(1);
  pump();
  const Settling settling = begin(1, {0}).value();
  dispatcher_->return_all(0, true, now());
  dispatcher_->acknowledge_failed(settling, now());
  dispatcher_->move_cursor(EntryId{0});
  EXPECT_EQ(pump(), (std::vector<Got>{{1, 0, 0}}));
  EXPECT_EQ(dispatcher_->unacked_count(), 1U);
}

TEST_F(DispatcherTest, AStoppedConsumersKeysGoToOthersWhenNothingOfThemIsOut) {
  make(SubscriptionType::key_shared);
  join(1);
  publish(7);
  pump();
  dispatcher_->stop_consumer(1);
  join(2);
  publish(7);
  publish(8);
  EXPECT_EQ(pump(), (std::vector<Got>{{2, 2, 0}}));
  acknowledge(1, 0);
  EXPECT_EQ(pump(), (std::vector<Got>{{2, 1, 0}}));
}

// --- failover
// ------------------------------------------------------------------------------------------------------

TEST_F(DispatcherTest, FailoverSendsToOneAndTheNextOneGoesOnInOrder) {
  make(SubscriptionType::failover);
  join(1);
  join(2);
  for (int i = 0; i < 4; ++i) publish();
  EXPECT_EQ(dispatcher_->active(), 1U);
  for (const Got& one : pump()) EXPECT_EQ(one.consumer, 1U);
  acknowledge(1, 1);
  dispatcher_->remove_consumer(1, now());
  publish();
  EXPECT_EQ(dispatcher_->active(), 2U);
  EXPECT_EQ(pump(), (std::vector<Got>{{2, 0, 1}, {2, 2, 1}, {2, 3, 1}, {2, 4, 0}}));
}

TEST_F(DispatcherTest, ALowerPriorityNumberTakesOverAtOnceWithWhatIsUnsettled) {
  make(SubscriptionType::failover);
  join(1, {.priority = 1, .messages = 2, .bytes = 1 << 20});
  for (int i = 0; i < 3; ++i) publish();
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
  join(2, {.priority = 0, .messages = 10, .bytes = 1 << 20});
  EXPECT_EQ(dispatcher_->active(), 2U);
  EXPECT_FALSE(begin(1, {0})) << "it is the other one's now";
  EXPECT_EQ(pump(), (std::vector<Got>{{2, 0, 1}, {2, 1, 1}, {2, 2, 0}}));
}

TEST_F(DispatcherTest, TheWaitingConsumersPermitsDoNotMakeTheActiveOneRead) {
  make(SubscriptionType::failover);
  join(1, {.messages = 0, .bytes = 1 << 20});
  join(2);
  publish();
  EXPECT_FALSE(dispatcher_->next_read(EntryId{1}, now()));
}

TEST_F(DispatcherTest, PriorityOnSharedServesOthersOnlyWhenTheFirstHaveNoPermits) {
  make(SubscriptionType::shared);
  join(1, {.priority = 1, .messages = 10, .bytes = 1 << 20});
  join(2, {.priority = 0, .messages = 1, .bytes = 1 << 20});
  join(3, {.priority = 0, .messages = 2, .bytes = 1 << 20});
  for (int i = 0; i < 5; ++i) publish();
  std::map<ConsumerNumber, int> count;
  for (const Got& one : pump()) count[one.consumer] += 1;
  EXPECT_EQ(count, (std::map<ConsumerNumber, int>{{1, 2}, {2, 1}, {3, 2}}));
  EXPECT_EQ(got_.back().consumer, 1U);
}

// --- cumulative
// ----------------------------------------------------------------------------------------------------

TEST_F(DispatcherTest, CumulativeCoversWhatWasDeliveredAndAHeldOneStays) {
  make(SubscriptionType::exclusive);
  publish();
  publish(0, std::chrono::milliseconds{50});
  publish();
  publish();
  join(1);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 2, 3}));
  ASSERT_TRUE(acknowledge_up_to(1, 2));
  EXPECT_EQ(dispatcher_->backlog(EntryId{0}, EntryId{4}), 2U);
  EXPECT_EQ(dispatcher_->cursor().next, EntryId{1});
  clock_.advance(std::chrono::milliseconds{50});
  EXPECT_EQ(entries_of(pump()), (Gots{1}));
  ASSERT_TRUE(acknowledge_up_to(1, 3));
  EXPECT_EQ(dispatcher_->backlog(EntryId{0}, EntryId{4}), 0U);
}

TEST_F(DispatcherTest, CumulativeCoversWhatWasReturnedAndRefusesWhatWasNeverDelivered) {
  make(SubscriptionType::exclusive);
  for (int i = 0; i < 4; ++i) publish();
  join(1, {.messages = 3, .bytes = 1 << 20});
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, std::chrono::milliseconds{10}, true, now()));
  EXPECT_FALSE(acknowledge_up_to(1, 3));
  EXPECT_EQ(dispatcher_->unacked_count(), 2U) << "a refused one changes nothing";
  ASSERT_TRUE(acknowledge_up_to(1, 2));
  EXPECT_EQ(dispatcher_->cursor().next, EntryId{3});
  EXPECT_EQ(dispatcher_->waiting_count(), 0U);
  EXPECT_EQ(dispatcher_->unacked_count(), 0U);
  ASSERT_TRUE(acknowledge_up_to(1, 1)) << "again is no fault";
}

TEST_F(DispatcherTest, AFailedCumulativeLeavesAllAsItWas) {
  make(SubscriptionType::exclusive);
  for (int i = 0; i < 3; ++i) publish();
  join(1);
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{1}, std::chrono::milliseconds{10}, false, now()));
  const auto settling =
      dispatcher_->begin_acknowledge(1, {.entries = {}, .batches = {}, .up_to = EntryId{2}});
  ASSERT_TRUE(settling);
  dispatcher_->acknowledge_failed(*settling, now());
  EXPECT_EQ(dispatcher_->backlog(EntryId{0}, EntryId{3}), 3U);
  EXPECT_EQ(entries_of(pump()), (Gots{1})) << "the returned one comes again";
  EXPECT_TRUE(acknowledge_up_to(1, 2));
}

// --- batches
// -------------------------------------------------------------------------------------------------------

TEST_F(DispatcherTest, ABatchIsAcknowledgedWhenAllItsMessagesAre) {
  make(SubscriptionType::shared);
  publish(0, {}, 3);
  join(1);
  pump();
  EXPECT_EQ(dispatcher_->unacked_count(), 3U);
  EXPECT_EQ(dispatcher_->recipients().find(1)->messages, 997) << "permits count messages";
  const auto first = begin_batch(1, 0, 0b001);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->batches.size(), 1U);
  EXPECT_TRUE(first->entries.empty());
  dispatcher_->acknowledged(*first);
  EXPECT_EQ(dispatcher_->unacked_count(), 2U);
  EXPECT_EQ(dispatcher_->backlog(EntryId{0}, EntryId{1}), 1U);
  const auto rest = begin_batch(1, 0, 0b110);
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->entries, std::vector{EntryId{0}});
  dispatcher_->acknowledged(*rest);
  EXPECT_EQ(dispatcher_->unacked_count(), 0U);
  EXPECT_EQ(dispatcher_->cursor().next, EntryId{1});
  EXPECT_TRUE(dispatcher_->cursor().batches.empty());
}

TEST_F(DispatcherTest, TheRestOfABatchComesAgainWithWhatWasAcknowledged) {
  make(SubscriptionType::shared);
  publish(0, {}, 3);
  join(1);
  pump();
  dispatcher_->acknowledged(begin_batch(1, 0, 0b010).value());
  dispatcher_->remove_consumer(1, now());
  join(2);
  pump();
  EXPECT_EQ(last_acknowledged_, AckBits{0b010});
  EXPECT_EQ(dispatcher_->unacked_count(), 2U);
  EXPECT_EQ(dispatcher_->recipients().find(2)->messages, 998);
}

TEST_F(DispatcherTest, AFailureBesideAnotherAcknowledgementOfTheSameBatchForgetsOnlyItsOwn) {
  make(SubscriptionType::shared);
  publish(0, {}, 3);
  join(1);
  pump();
  const Settling first = begin_batch(1, 0, 0b001).value();
  const Settling second = begin_batch(1, 0, 0b010).value();
  dispatcher_->acknowledge_failed(second, now());
  dispatcher_->acknowledged(first);
  const auto last = begin_batch(1, 0, 0b110);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->entries, std::vector{EntryId{0}}) << "all three";
}

TEST_F(DispatcherTest, WhatIsRedeliveredSaysOnlyWhatIsDurable) {
  make(SubscriptionType::shared);
  publish(0, {}, 3);
  join(1);
  pump();
  const Settling settling = begin_batch(1, 0, 0b001).value();
  dispatcher_->return_all(1, true, now());
  pump();
  EXPECT_EQ(dispatcher_->unacked_count(), 3U);
  EXPECT_EQ(count(last_acknowledged_, 3), 0U);
  dispatcher_->acknowledged(settling);
  EXPECT_EQ(dispatcher_->unacked_count(), 2U);
}

TEST_F(DispatcherTest, AfterAFailureOnlyWhatIsDurableCountsOfABatch) {
  make(SubscriptionType::shared);
  publish(0, {}, 3);
  join(1);
  pump();
  dispatcher_->acknowledged(begin_batch(1, 0, 0b001).value());
  dispatcher_->acknowledge_failed(begin_batch(1, 0, 0b010).value(), now());
  const auto last = begin_batch(1, 0, 0b100);
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->entries.empty()) << "the one in the middle is still open";
}

TEST_F(DispatcherTest, BitsBehindTheLastMessageDoNotCount) {
  make(SubscriptionType::shared);
  publish(0, {}, 2);
  join(1);
  pump();
  const auto some = begin_batch(1, 0, 0b1101);
  ASSERT_TRUE(some);
  EXPECT_TRUE(some->entries.empty());
  EXPECT_EQ(some->batches.front().acknowledged, AckBits{0b01});
}

// --- limits
// --------------------------------------------------------------------------------------------------------

TEST_F(DispatcherTest, AConsumerAtItsLimitOfUnackedMessagesIsPassedOver) {
  make(SubscriptionType::shared);
  join(1, {.messages = 100, .bytes = 1 << 20, .unacked_max = 2});
  join(2, {.messages = 100, .bytes = 1 << 20, .unacked_max = 3});
  for (int i = 0; i < 10; ++i) publish();
  EXPECT_EQ(pump().size(), 5U);
  EXPECT_TRUE(dispatcher_->recipients().find(1)->blocked_on_unacked());
  acknowledge(1, got_.front().consumer == 1 ? got_[0].entry : got_[1].entry);
  EXPECT_EQ(pump(), (std::vector<Got>{{1, 5, 0}}));
}

TEST_F(DispatcherTest, WhatIsOutForTooLongIsTakenBackAndComesAgainCounted) {
  make(SubscriptionType::shared);
  join(1, {.messages = 100, .bytes = 1 << 20, .ack_timeout = std::chrono::milliseconds{30}});
  publish();
  publish();
  pump();
  const Settling settling = begin(1, {1}).value();
  EXPECT_EQ(dispatcher_->next_due(now()), clock_.monotonic_now() + std::chrono::milliseconds{30});
  clock_.advance(std::chrono::milliseconds{29});
  EXPECT_TRUE(pump().empty());
  clock_.advance(std::chrono::milliseconds{1});
  EXPECT_EQ(pump(), (std::vector<Got>{{1, 0, 1}})) << "not the one whose acknowledgement is on its way";
  dispatcher_->acknowledged(settling);
  acknowledge(1, 0);
  EXPECT_FALSE(dispatcher_->next_due(now()));
}

TEST_F(DispatcherTest, AnAcknowledgementThatFailedLateIsTimedAgain) {
  make(SubscriptionType::shared);
  join(1, {.messages = 100, .bytes = 1 << 20, .ack_timeout = std::chrono::milliseconds{30}});
  publish();
  pump();
  const Settling settling = begin(1, {0}).value();
  clock_.advance(std::chrono::milliseconds{31});
  EXPECT_TRUE(pump().empty());
  dispatcher_->acknowledge_failed(settling, now());
  clock_.advance(std::chrono::milliseconds{30});
  EXPECT_EQ(pump(), (std::vector<Got>{{1, 0, 1}}));
}

}  // namespace
}  // namespace geminga::broker
