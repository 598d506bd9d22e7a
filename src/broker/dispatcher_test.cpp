#include "broker/dispatcher_fixture.hpp"

namespace geminga::broker {
namespace {

using testing::DispatcherTest;
using testing::entries_of;
using testing::Gots;

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

TEST_F(DispatcherTest, NotMuchMoreIsReadThanCanBeSent) {
  make(SubscriptionType::shared);
  for (int i = 0; i < 3; ++i) publish();
  const auto bytes_max = [&] { return dispatcher_->next_read(EntryId{3}, now())->bytes_max; };
  join(1, {.messages = 100, .bytes = 1'000});
  EXPECT_EQ(bytes_max(), Dispatcher::kReadBytesMin);
  join(2, {.messages = 100, .bytes = 1'500'000});
  join(3, {.messages = 0, .bytes = 1'000});  // it takes nothing now
  EXPECT_EQ(bytes_max(), 1'501'000U);
  dispatcher_->add_permits(1, {.messages = 0, .bytes = INT64_MAX - 1'000});
  EXPECT_EQ(bytes_max(), Dispatcher::kReadBytesMax);
}

TEST_F(DispatcherTest, ARateStopsAfterTheMessageThatSpendsItAndGoesOnBehindIt) {
  RateLimit rate;
  rate.messages.set_rate(10, now().monotonic);
  make(SubscriptionType::key_shared, {.rate = &rate});
  for (int i = 0; i < 4; ++i) {
    publish();
    topic_.back().header.message_count = 8;
  }
  join(1);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1})) << "a batch is never cut, and nothing is read for later";
  EXPECT_EQ(dispatcher_->waiting_count(), 0U);
  EXPECT_EQ(dispatcher_->read_position(), EntryId{2});
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, std::chrono::milliseconds{0}, true, now()));
  EXPECT_TRUE(pump().empty());
  clock_.advance(rate.wait(now().monotonic));
  EXPECT_EQ(entries_of(pump()), (Gots{0})) << "what comes again spends too";
  clock_.advance(rate.wait(now().monotonic));
  EXPECT_EQ(entries_of(pump()), (Gots{2}));
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

TEST_F(DispatcherTest, WhatBecomesDueDuringAReadKeepsItsPlaceInItsKey) {
  make(SubscriptionType::key_shared);
  join(1);
  publish(7, std::chrono::milliseconds{10});
  EXPECT_TRUE(pump().empty());
  publish(7);
  const auto want = dispatcher_->next_read(EntryId{2}, now());
  ASSERT_TRUE(want);
  clock_.advance(std::chrono::milliseconds{10});
  dispatcher_->feed(*want, {topic_[1]}, now());
  EXPECT_TRUE(got_.empty());
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
}

TEST_F(DispatcherTest, OfWhatWaitsOnlyThatIsForgottenOfWhichACompactedReadSpeaks) {
  make(SubscriptionType::exclusive);
  join(1);
  for (int i = 0; i < 5; ++i) publish();
  pump();
  dispatcher_->return_all(1, true, now());
  const auto want = dispatcher_->next_read(EntryId{5}, now()).value();
  EXPECT_EQ(want.from, EntryId{0});
  EXPECT_EQ(want.entries_max, 5U);
  got_.clear();
  dispatcher_->feed_compacted(want, {topic_[1]}, EntryId{3}, now());
  EXPECT_EQ(entries_of(got_), (Gots{1}));
  EXPECT_EQ(dispatcher_->waiting_count(), 2U) << "behind the horizon the answer says nothing";
  EXPECT_EQ(entries_of(pump()), (Gots{3, 4}));
}

TEST_F(DispatcherTest, WhatIsBeingReadDoesNotPassWhatWasTakenBackMeanwhile) {
  for (const auto what : {Dispatcher::Want::What::unread, Dispatcher::Want::What::waiting}) {
    topic_.clear();
    make(SubscriptionType::failover);
    for (int i = 0; i < 4; ++i) publish();
    join(1, {.priority = 0, .messages = 100, .bytes = 1 << 20});
    join(2, {.priority = 1, .messages = 100, .bytes = 1 << 20});
    topic_.resize(2);
    pump();
    topic_.resize(4, topic_.back());
    for (const std::uint64_t i : {2, 3}) topic_[i].header.entry = EntryId{i};
    if (what == Dispatcher::Want::What::waiting) {
      pump();
      for (const std::uint64_t i : {2, 3})
        ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{i}, {}, false, now()));
    }
    const auto want = dispatcher_->next_read(EntryId{4}, now()).value();
    EXPECT_EQ(want.what, what);
    EXPECT_EQ(want.from, EntryId{2});
    dispatcher_->remove_consumer(1, now());
    got_.clear();
    dispatcher_->feed(want, {topic_[2], topic_[3]}, now());
    EXPECT_TRUE(got_.empty());
    EXPECT_EQ(entries_of(pump()), (Gots{0, 1, 2, 3}));
  }
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

TEST_F(DispatcherTest, PausesWhileAllSubscriptionsTogetherHaveTooMuch) {
  MemoryBudget budget(100'000, 1'000);
  MemoryShare others(&budget);
  others.set(100'000);
  make(SubscriptionType::shared, {.state_budget = &budget});
  for (int i = 0; i < 100; ++i) publish();
  join(1);
  const std::size_t few = pump().size();
  EXPECT_GT(few, 0U) << "a little is every one's";
  EXPECT_LT(few, 20U);
  EXPECT_NE(dispatcher_->paused(), "");
  EXPECT_TRUE(dispatcher_->next_due(now())) << "nobody else would wake it";
  EXPECT_TRUE(pump().empty());
  others.set(0);
  EXPECT_EQ(pump().size(), 100 - few);
  EXPECT_EQ(dispatcher_->paused(), "");
  for (std::uint64_t entry = 1; entry < 100; entry += 2) acknowledge(1, entry);
  pump();
  const std::uint64_t behind_gaps = budget.bytes();
  EXPECT_GT(behind_gaps, 50 * sizeof(storage::EntryRange));
  for (std::uint64_t entry = 0; entry < 100; entry += 2) acknowledge(1, entry);
  pump();
  EXPECT_EQ(budget.bytes(), 0U);
}

TEST_F(DispatcherTest, WhatItHasInMemoryIsGivenBackAtItsEnd) {
  MemoryBudget budget(100'000, 0);
  make(SubscriptionType::shared, {.state_budget = &budget});
  publish();
  publish();
  join(1);
  pump();
  EXPECT_GT(budget.bytes(), 0U);
  dispatcher_.reset();
  EXPECT_EQ(budget.bytes(), 0U);
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

}  // namespace
}  // namespace geminga::broker
