// Backlog quotas, and what a policy holds back.

#include "broker/policies_fixture.hpp"

namespace geminga::broker {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::Inbox;
using testing::kBudget;
using testing::kPatience;
using testing::wait_for;

class BacklogQuotaTest : public testing::PoliciesTest {};

TEST_F(BacklogQuotaTest, ABacklogOverItsSizeHoldsSendsUntilItIsSmaller) {
  ASSERT_TRUE(subscription());
  const auto sender = producer().value();
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(send(sender, 1'000).get());
  set({.backlog_bytes = 10'000});
  ASSERT_TRUE(eventually([&] { return !stats().publish_paused.empty(); }));
  auto held = send(sender);
  auto second = send(sender);
  EXPECT_EQ(held.wait_for(50ms), std::future_status::timeout);
  skip_all();
  ASSERT_EQ(held.wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(held.get());
  EXPECT_TRUE(second.get());
  EXPECT_TRUE(stats().publish_paused.empty());
}

TEST_F(BacklogQuotaTest, HeldSendsGoOnWhenAConsumerCatchesUp) {
  ASSERT_TRUE(subscription());
  set({.backlog_bytes = 1'000});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender, 2'000).get());
  ASSERT_TRUE(eventually([&] { return !stats().publish_paused.empty(); }));
  auto held = send(sender);
  auto inbox = std::make_shared<Inbox>();
  const auto consumer = consume(inbox).value();
  ASSERT_TRUE(eventually([&] { return inbox->size() == 1; }));
  ASSERT_TRUE(acknowledge(consumer, EntryId{0}));
  EXPECT_TRUE(held.get());
  EXPECT_TRUE(eventually([&] { return inbox->size() == 2; }));
}

TEST_F(BacklogQuotaTest, HeldSendsGoOnWhenThePolicyIsTakenBack) {
  ASSERT_TRUE(subscription());
  set({.backlog_bytes = 1'000});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender, 2'000).get());
  ASSERT_TRUE(eventually([&] { return !stats().publish_paused.empty(); }));
  auto held = send(sender);
  set({});
  EXPECT_TRUE(held.get());
}

TEST_F(BacklogQuotaTest, HeldSendsAreRefusedWhenThePolicySaysSoNow) {
  ASSERT_TRUE(subscription());
  set({.backlog_bytes = 1'000});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender, 2'000).get());
  ASSERT_TRUE(eventually([&] { return !stats().publish_paused.empty(); }));
  auto held = send(sender);
  set({.backlog_bytes = 1'000, .backlog_action = BacklogAction::producer_exception});
  EXPECT_EQ(held.get().error().code, ErrorCode::backlog_quota_exceeded);
}

TEST_F(BacklogQuotaTest, WhatIsHeldHasABudget) {
  set({.publish_messages_per_second = 1});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender).get());
  std::vector<std::future<Result<>>> held;
  held.reserve(7);
  for (int i = 0; i < 7; ++i) held.push_back(send(sender, kBudget / 8));
  const Result<> over = send(sender, kBudget / 4).get();
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::overloaded);
  EXPECT_GE(broker_->broker_stats().held_bytes, 7 * kBudget / 8);
  set({});
  for (auto& one : held) EXPECT_TRUE(one.get());
  EXPECT_TRUE(send(sender).get());
  EXPECT_EQ(broker_->broker_stats().held_bytes, 0U);
}

TEST_F(BacklogQuotaTest, EmptyMessagesThatAreHeldTakeOfTheBudgetToo) {
  set({.publish_messages_per_second = 1});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender).get());
  std::vector<std::future<Result<>>> held;
  const std::size_t most = kBudget / storage::kAppendOverheadBytes;
  do held.push_back(send(sender, 0));
  while (held.size() <= most && held.back().wait_for(0s) == std::future_status::timeout);
  ASSERT_LE(held.size(), most + 1);
  EXPECT_EQ(held.back().get().error().code, ErrorCode::overloaded);
  held.pop_back();
  EXPECT_GT(held.size(), most / 2);
  set({});
  for (auto& one : held) EXPECT_TRUE(one.get());
}

TEST_F(BacklogQuotaTest, NothingNumberedPassesWhatWasRefusedBeforeIt) {
  set({.publish_messages_per_second = 1});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender, 10, 1).get());
  auto held = send(sender, 7 * kBudget / 8, 2);
  const Result<> over = send(sender, kBudget / 4, 3).get();
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::overloaded);
  auto behind = send(sender, 10, 4);
  set({});
  EXPECT_TRUE(held.get());
  EXPECT_EQ(behind.get().error().code, ErrorCode::overloaded) << "3, sent again, would pass for stored";
  EXPECT_TRUE(send(sender, kBudget / 4, 3).get());
  EXPECT_TRUE(send(sender, 10, 4).get());
  EXPECT_EQ(stats().stored_messages, 4U);
}

TEST_F(BacklogQuotaTest, WhatIsPublishedWithoutAProducerIsRefusedInsteadOfHeld) {
  ASSERT_TRUE(subscription());
  set({.publish_messages_per_second = 10});
  EXPECT_TRUE(publish(100)) << "one record is never cut: it goes and is waited off";
  EXPECT_EQ(publish(1).error().code, ErrorCode::overloaded);
  clock_.advance(10s);
  EXPECT_TRUE(publish(1));
  set({.backlog_bytes = 100});
  EXPECT_TRUE(eventually([&] { return !publish(1, 1'000); }));
  EXPECT_EQ(publish(1).error().code, ErrorCode::backlog_quota_exceeded);
  skip_all();
  EXPECT_TRUE(eventually([&] { return publish(1).has_value(); }));
}

TEST_F(BacklogQuotaTest, AClosedProducersHeldSendsAreAnswered) {
  ASSERT_TRUE(subscription());
  set({.backlog_bytes = 1'000});
  auto sender = producer().value();
  ASSERT_TRUE(send(sender, 2'000).get());
  ASSERT_TRUE(eventually([&] { return !stats().publish_paused.empty(); }));
  auto held = send(sender);
  sender.reset();
  EXPECT_EQ(held.get().error().code, ErrorCode::closed);
}

TEST_F(BacklogQuotaTest, ABacklogOverItsSizeRefusesSendsWhereAsked) {
  ASSERT_TRUE(subscription());
  set({.backlog_bytes = 10'000, .backlog_action = BacklogAction::producer_exception});
  const auto sender = producer().value();
  Result<> last;
  ASSERT_TRUE(eventually([&] { return !(last = send(sender, 1'000).get()); }));
  EXPECT_EQ(last.error().code, ErrorCode::backlog_quota_exceeded);
  EXPECT_EQ(producer().error().code, ErrorCode::backlog_quota_exceeded);
  skip_all();
  EXPECT_TRUE(eventually([&] { return send(sender).get().has_value(); }));
}

TEST_F(BacklogQuotaTest, WhoWaitsByItselfIsToldToWhileSendsAreHeld) {
  ASSERT_TRUE(subscription());
  set({.backlog_bytes = 1'000});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender, 2'000).get());
  ASSERT_TRUE(eventually([&] { return !stats().publish_paused.empty(); }));
  const auto register_one = [&] { return producer({.waits_for_quota_itself = true}); };
  EXPECT_EQ(register_one().error().code, ErrorCode::backlog_quota_waits);
  EXPECT_TRUE(producer()) << "its sends wait";
  skip_all();
  EXPECT_TRUE(eventually([&] { return register_one().has_value(); }));
}

TEST_F(BacklogQuotaTest, ABacklogOverItsSizeLosesItsOldestWhereAsked) {
  ASSERT_TRUE(subscription());
  set({.backlog_bytes = 10'000, .backlog_action = BacklogAction::consumer_backlog_eviction});
  const auto sender = producer().value();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(send(sender, 1'000).get());
  EXPECT_TRUE(eventually([&] { return backlog() <= 10; }));
  EXPECT_GE(backlog(), 8U) << "no more than it must";
}

TEST_F(BacklogQuotaTest, ABacklogOverItsAgeHoldsOrLosesItsOldest) {
  ASSERT_TRUE(subscription());
  set({.backlog_age = 60s});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender).get());
  EXPECT_TRUE(stats().publish_paused.empty());
  clock_.advance(61s);
  ASSERT_TRUE(eventually([&] { return !stats().publish_paused.empty(); }));
  auto held = send(sender);
  EXPECT_EQ(held.wait_for(50ms), std::future_status::timeout);
  set({.backlog_age = 60s, .backlog_action = BacklogAction::consumer_backlog_eviction});
  EXPECT_TRUE(held.get());
  EXPECT_TRUE(eventually([&] { return backlog() == 1; }));
}

}  // namespace
}  // namespace geminga::broker
