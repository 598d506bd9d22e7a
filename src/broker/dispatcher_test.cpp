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
                                               });
  }

  void publish(std::uint32_t hash = 0, std::chrono::milliseconds delay = {}) {
    storage::Entry entry;
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

  void acknowledge(ConsumerNumber consumer, std::uint64_t entry) {
    const EntryId id{entry};
    ASSERT_TRUE(dispatcher_->begin_acknowledge(consumer, std::span(&id, 1)));
    dispatcher_->acknowledged(std::span(&id, 1));
  }

  static constexpr Permits kMany{.messages = 1'000, .bytes = 1 << 30};
  base::ManualClock clock_;
  std::vector<storage::Entry> topic_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::vector<Got> got_;
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
  dispatcher_->add_consumer(1, {.messages = 3, .bytes = 1 << 20});
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1, 2}));
  EXPECT_EQ(pump().size(), 0U);
  dispatcher_->add_permits(1, {.messages = 1, .bytes = 0});
  EXPECT_EQ(entries_of(pump()), (Gots{3}));
  EXPECT_EQ(dispatcher_->backlog(EntryId{5}), 5U);
  acknowledge(1, 1);
  EXPECT_EQ(dispatcher_->backlog(EntryId{5}), 4U);
  EXPECT_EQ(dispatcher_->cursor().next, EntryId{0});
  acknowledge(1, 0);
  EXPECT_EQ(dispatcher_->cursor().next, EntryId{2});
}

TEST_F(DispatcherTest, BytesStopDispatchAndOneEntryMayGoOver) {
  make(SubscriptionType::exclusive);
  for (int i = 0; i < 3; ++i) publish();
  dispatcher_->add_consumer(1, {.messages = 100, .bytes = 1});
  EXPECT_EQ(entries_of(pump()), (Gots{0}));
  dispatcher_->add_permits(1, {.messages = 0, .bytes = 256});
  EXPECT_EQ(entries_of(pump()), (Gots{1}));
}

TEST_F(DispatcherTest, SharedGoesRound) {
  make(SubscriptionType::shared);
  for (int i = 0; i < 4; ++i) publish();
  dispatcher_->add_consumer(1, kMany);
  dispatcher_->add_consumer(2, kMany);
  const auto got = pump();
  EXPECT_EQ(std::ranges::count(got, ConsumerNumber{1}, &Got::consumer), 2);
  EXPECT_EQ(std::ranges::count(got, ConsumerNumber{2}, &Got::consumer), 2);
}

TEST_F(DispatcherTest, ReturnedComesAgainCountedAndAfterItsDelay) {
  make(SubscriptionType::shared);
  publish();
  dispatcher_->add_consumer(1, kMany);
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
  dispatcher_->add_consumer(1, kMany);
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, {}, false, now()));
  EXPECT_EQ(pump(), (std::vector<Got>{{.consumer = 1, .entry = 0, .redeliveries = 0}}));
}

TEST_F(DispatcherTest, WhatALeaverHadGoesToOthersAndWhatItAcknowledgesStays) {
  make(SubscriptionType::shared);
  for (int i = 0; i < 3; ++i) publish();
  dispatcher_->add_consumer(1, kMany);
  pump();
  const EntryId settling{1};
  ASSERT_TRUE(dispatcher_->begin_acknowledge(1, std::span(&settling, 1)));
  dispatcher_->remove_consumer(1, now());
  dispatcher_->add_consumer(2, kMany);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 2}));
  dispatcher_->acknowledged(std::span(&settling, 1));
  EXPECT_EQ(dispatcher_->backlog(EntryId{3}), 2U);
  EXPECT_FALSE(dispatcher_->begin_acknowledge(1, std::span(&settling, 1)));
}

TEST_F(DispatcherTest, AcknowledgementThatFailedLeavesItOutOrGivesItToOthers) {
  make(SubscriptionType::shared);
  publish();
  publish();
  dispatcher_->add_consumer(1, kMany);
  pump();
  const std::vector<EntryId> both{EntryId{0}, EntryId{1}};
  ASSERT_TRUE(dispatcher_->begin_acknowledge(1, both));
  dispatcher_->acknowledge_failed(both, now());
  EXPECT_EQ(pump().size(), 0U);
  ASSERT_TRUE(dispatcher_->begin_acknowledge(1, both));
  dispatcher_->remove_consumer(1, now());
  dispatcher_->acknowledge_failed(both, now());
  dispatcher_->add_consumer(2, kMany);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
}

TEST_F(DispatcherTest, DelayedIsNeverEarlyAndOthersOvertakeIt) {
  make(SubscriptionType::shared);
  publish(0, std::chrono::milliseconds{50});
  publish();
  dispatcher_->add_consumer(1, kMany);
  EXPECT_EQ(entries_of(pump()), (Gots{1}));
  EXPECT_EQ(dispatcher_->delayed_count(), 1U);
  clock_.advance(std::chrono::milliseconds{49});
  EXPECT_EQ(pump().size(), 0U);
  clock_.advance(std::chrono::milliseconds{1});
  EXPECT_EQ(pump(), (std::vector<Got>{{.consumer = 1, .entry = 0, .redeliveries = 0}}));
}

TEST_F(DispatcherTest, AMessageForTheEndOfTimeWakesNobody) {
  make(SubscriptionType::shared);
  dispatcher_->add_consumer(1, kMany);
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
  dispatcher_->add_consumer(1, kMany);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
}

TEST_F(DispatcherTest, KeyStaysWithItsConsumerUntilNothingIsOut) {
  make(SubscriptionType::key_shared);
  dispatcher_->add_consumer(1, kMany);
  constexpr std::uint32_t kKeys = 50;
  for (std::uint32_t hash = 1; hash <= kKeys; ++hash) publish(hash);
  EXPECT_EQ(pump().size(), kKeys);
  dispatcher_->add_consumer(2, kMany);
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
  dispatcher_->add_consumer(1, kMany);
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
  dispatcher_->add_consumer(1, {.messages = 1, .bytes = 1 << 20});
  dispatcher_->add_consumer(2, kMany);
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
      dispatcher_->add_consumer(next_consumer, {.messages = 5, .bytes = 1 << 20});
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

TEST_F(DispatcherTest, MovedCursorForgetsWhatWaitedAndSkips) {
  make(SubscriptionType::shared);
  for (int i = 0; i < 4; ++i) publish();
  dispatcher_->add_consumer(1, {.messages = 2, .bytes = 1 << 20});
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, {}, true, now()));
  dispatcher_->move_cursor(EntryId{4});
  EXPECT_EQ(dispatcher_->backlog(EntryId{4}), 0U);
  publish();
  dispatcher_->add_permits(1, kMany);
  EXPECT_EQ(entries_of(pump()), (Gots{4}));
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{1}, {}, true, now()));  // out before, skipped since
  EXPECT_EQ(pump().size(), 0U);
}

TEST_F(DispatcherTest, WhatWasSkippedWhileItWasOutDoesNotComeAgain) {
  make(SubscriptionType::shared);
  dispatcher_->add_consumer(1, kMany);
  for (int i = 0; i < 3; ++i) publish();
  EXPECT_EQ(pump().size(), 3U);
  const EntryId settling{2};
  ASSERT_TRUE(dispatcher_->begin_acknowledge(1, std::span(&settling, 1)));
  dispatcher_->move_cursor(EntryId{3});
  dispatcher_->remove_consumer(1, now());
  dispatcher_->acknowledge_failed(std::span(&settling, 1), now());
  dispatcher_->add_consumer(2, kMany);
  EXPECT_TRUE(pump().empty());
  EXPECT_EQ(dispatcher_->waiting_count(), 0U);
}

TEST_F(DispatcherTest, PausesAtItsBoundAndGoesOn) {
  make(SubscriptionType::shared, {.unsettled_max = 2});
  for (int i = 0; i < 4; ++i) publish();
  dispatcher_->add_consumer(1, kMany);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
  EXPECT_TRUE(dispatcher_->paused());
  acknowledge(1, 0);
  EXPECT_EQ(entries_of(pump()), (Gots{2}));
}

TEST_F(DispatcherTest, TypeMayChangeBetweenConsumers) {
  make(SubscriptionType::shared);
  publish(5);
  publish(5);
  dispatcher_->add_consumer(1, kMany);
  pump();
  dispatcher_->remove_consumer(1, now());
  dispatcher_->set_type(SubscriptionType::key_shared, true);
  dispatcher_->add_consumer(2, kMany);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
}

TEST_F(DispatcherTest, AStoppedConsumerGetsNothingMoreAndKeepsWhatIsOut) {
  make(SubscriptionType::shared);
  dispatcher_->add_consumer(1, {.messages = 10, .bytes = 1 << 20});
  publish();
  EXPECT_EQ(pump().size(), 1U);
  dispatcher_->stop_consumer(1);
  publish();
  EXPECT_TRUE(pump().empty());
  // What it never showed to the application goes to another one, not counted.
  EXPECT_TRUE(dispatcher_->return_entry(1, EntryId{0}, {}, false, now()));
  EXPECT_TRUE(pump().empty());
  dispatcher_->add_consumer(2, {.messages = 10, .bytes = 1 << 20});
  const std::vector<Got> expected = {{2, 0, 0}, {2, 1, 0}};
  EXPECT_EQ(pump(), expected);
}

}  // namespace
}  // namespace geminga::broker
