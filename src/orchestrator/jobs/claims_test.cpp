#include <gmock/gmock.h>

#include "orchestrator/jobs/testing/store_fixture.hpp"

namespace geminga::orchestrator {
namespace {

using std::chrono::seconds;
using testing::await;
using ::testing::ElementsAre;
using testing::JobStoreTest;
using ::testing::SizeIs;

TEST_P(JobStoreTest, AClaimIsTakenOnceAndItsResultComesAgain) {
  insert("r1");
  const auto mine = take(signal("r1"));
  ASSERT_EQ(mine.result, TakeResult::taken);
  EXPECT_EQ(job("r1").status, JobStatus::processing);
  EXPECT_EQ(job("r1").attempts, 1U);
  EXPECT_EQ(take(signal("r1")).result, TakeResult::running);
  auto others = signal("r1");
  others.owner = "another";
  EXPECT_EQ(take(others).result, TakeResult::running);
  ASSERT_TRUE(finish("r1", mine.token, "the bytes", "the letter"));
  const auto again = take(signal("r1"));
  EXPECT_EQ(again.result, TakeResult::done);
  EXPECT_EQ(again.result_json, "the bytes");
  EXPECT_EQ(again.dead_letter_json, "the letter");
}

TEST_P(JobStoreTest, AnOldTokenWritesNothing) {
  const auto first = take(signal("r1"));
  clock_.advance(seconds{31});
  auto theirs = signal("r1");
  theirs.owner = "another";
  const auto second = take(theirs);
  ASSERT_EQ(second.result, TakeResult::outcome_unknown);
  EXPECT_EQ(finish("r1", first.token, "old").error().code, ErrorCode::claim_lost);
  EXPECT_EQ(retry("r1", first.token, 0, clock_.wall_now()).error().code, ErrorCode::claim_lost);
  const auto released = await<void>(
      [&](auto done) { store_->release_claim({.request_id = "r1", .token = first.token}, std::move(done)); });
  EXPECT_EQ(released.error().code, ErrorCode::claim_lost);
  ASSERT_TRUE(finish("r1", second.token, "new"));
  EXPECT_EQ(take(signal("r1")).result_json, "new");
}

TEST_P(JobStoreTest, AnOwnerFromBeforeTheRestartIsGone) {
  ASSERT_EQ(take(signal("r1")).result, TakeResult::taken);
  open();
  EXPECT_EQ(await<std::uint64_t>([&](auto done) {
              store_->expire_other_leases("next", "", std::move(done));
            }).value(),
            1U);
  auto next = signal("r1");
  next.owner = "next";
  EXPECT_EQ(take(next).result, TakeResult::outcome_unknown);
  EXPECT_EQ(take(next).result, TakeResult::running);
}

TEST_P(JobStoreTest, OnlyTheLeasesOfOneInstanceAreEnded) {
  for (const auto* owner : {"here/first", "there/first"}) {
    auto claim = signal(owner);
    claim.owner = owner;
    ASSERT_EQ(take(claim).result, TakeResult::taken);
  }
  EXPECT_EQ(await<std::uint64_t>([&](auto done) {
              store_->expire_other_leases("here/second", "here/", std::move(done));
            }).value(),
            1U);
  auto claim = signal("here/first");
  claim.owner = "here/second";
  EXPECT_EQ(take(claim).result, TakeResult::outcome_unknown);
  claim.request_id = "there/first";
  EXPECT_EQ(take(claim).result, TakeResult::running);
}

TEST_P(JobStoreTest, ALeaseThatIsRenewedLivesOn) {
  const auto mine = take(signal("r1"));
  const auto renew = [&](const std::string& token) {
    return await<std::vector<StoppedClaim>>([&](auto done) {
             store_->renew_leases({{.request_id = "r1", .token = token}}, seconds{30}, std::move(done));
           })
        .value();
  };
  clock_.advance(seconds{20});
  EXPECT_THAT(renew(mine.token), SizeIs(0));
  clock_.advance(seconds{20});
  auto theirs = signal("r1");
  theirs.owner = "another";
  EXPECT_EQ(take(theirs).result, TakeResult::running);
  EXPECT_THAT(renew("no token of this claim"), SizeIs(1));
}

TEST_P(JobStoreTest, RenewingTellsWhoseJobWasCancelled) {
  std::vector<HeldClaim> held;
  for (int i = 0; i < 40; ++i) {  // more than go into one statement
    const auto request = "r" + std::to_string(i);
    insert(request);
    held.push_back({.request_id = request, .token = take(signal(request)).token});
  }
  const auto step = take(signal("r7/a-step"));
  held.push_back({.request_id = "r7/a-step", .token = step.token});
  held.push_back({.request_id = "r9", .token = "an old one"});
  for (const auto* job : {"job-r7", "job-r35"})
    ASSERT_TRUE(await<Job>([&](auto done) { store_->cancel_job(job, std::move(done)); }));
  clock_.advance(seconds{20});
  const auto stopped = await<std::vector<StoppedClaim>>([&](auto done) {
                         store_->renew_leases(held, seconds{30}, std::move(done));
                       }).value();
  std::vector<std::string> told;
  for (const auto& one : stopped)
    told.push_back(one.claim.request_id + (one.cancelled ? " cancelled" : " lost"));
  EXPECT_THAT(told, ElementsAre("r7 cancelled", "r35 cancelled", "r7/a-step cancelled", "r9 lost"));
  clock_.advance(seconds{20});
  auto theirs = signal("r39");
  theirs.owner = "another";
  EXPECT_EQ(take(theirs).result, TakeResult::running);
}

TEST_P(JobStoreTest, ARetryOpensTheNextAttemptAndIsFoundAgainAfterACrash) {
  insert("r1");
  const auto first = take(signal("r1"));
  const auto at = clock_.wall_now() + seconds{5};
  ASSERT_TRUE(retry("r1", first.token, 0, at));
  open();
  const auto redelivered = take(signal("r1"));
  EXPECT_EQ(redelivered.result, TakeResult::retry_scheduled);
  EXPECT_EQ(redelivered.retry_at, at);
  const auto second = take(signal("r1", 1));
  ASSERT_EQ(second.result, TakeResult::taken);
  ASSERT_THAT(second.failures, SizeIs(1));
  EXPECT_EQ(second.failures[0].error, "broke");
  EXPECT_EQ(take(signal("r1")).result, TakeResult::superseded);
  EXPECT_EQ(job("r1").attempts, 2U);
  EXPECT_THAT(history("r1"), ElementsAre("PENDING", "PROCESSING", "RETRY"));
}

TEST_P(JobStoreTest, AReleasedClaimSpendsNoAttempt) {
  const auto first = take(signal("r1"));
  ASSERT_TRUE(await<void>([&](auto done) {
    store_->release_claim({.request_id = "r1", .token = first.token}, std::move(done));
  }));
  EXPECT_EQ(take(signal("r1")).result, TakeResult::taken);
}

TEST_P(JobStoreTest, TheFirstKindWins) {
  auto plan = signal("r1");
  plan.kind = ClaimKind::plan;
  plan.complete_with = "the plan";
  const auto taken = take(plan);
  EXPECT_EQ(taken.result, TakeResult::done);
  EXPECT_EQ(taken.result_json, "the plan");
  EXPECT_EQ(take(signal("r1")).result, TakeResult::superseded);
  ASSERT_EQ(take(signal("r2")).result, TakeResult::taken);
  plan.request_id = "r2";
  EXPECT_EQ(take(plan).result, TakeResult::superseded);
}

TEST_P(JobStoreTest, OnlyAReplayReopens) {
  insert("r1");
  await<bool>([&](auto done) { store_->mark_published("job-r1", 0, std::move(done)); }).value();
  EXPECT_EQ(reopen("r1").error().code, ErrorCode::not_found);
  const auto mine = take(signal("r1"));
  EXPECT_EQ(reopen("r1").error().code, ErrorCode::conflict);
  ASSERT_TRUE(finish("r1", mine.token, "failed", "dead"));
  ASSERT_EQ(apply("r1", JobStatus::failed), ResultApplied::applied);
  const auto reopened = reopen("r1");
  ASSERT_TRUE(reopened) << reopened.error().message;
  EXPECT_EQ(reopened->generation, 1U);
  EXPECT_EQ(reopened->job_id, "job-r1");
  EXPECT_EQ(reopened->outbox.body, "1");
  EXPECT_EQ(job("r1").status, JobStatus::pending);
  EXPECT_EQ(job("r1").attempts, 0U);
  EXPECT_FALSE(job("r1").published_at);
  EXPECT_EQ(take(signal("r1")).result, TakeResult::superseded);
  EXPECT_EQ(apply("r1", JobStatus::failed), ResultApplied::late);
  const auto second = take(signal("r1", 0, 1));
  ASSERT_EQ(second.result, TakeResult::taken);
  ASSERT_TRUE(finish("r1", second.token, "good"));
  ASSERT_EQ(apply("r1", JobStatus::completed, 1), ResultApplied::applied);
  EXPECT_EQ(reopen("r1").error().code, ErrorCode::job_terminal);
  EXPECT_THAT(history("r1"), ElementsAre("PENDING", "PROCESSING", "FAILED", "PENDING", "LATE_RESULT",
                                         "PROCESSING", "COMPLETED"));
}

TEST_P(JobStoreTest, AReplayThatDidNotReachTheBusIsSweptAsItsSignal) {
  insert("r1");
  const auto mine = take(signal("r1"));
  ASSERT_TRUE(finish("r1", mine.token, "failed", "dead"));
  apply("r1", JobStatus::failed);
  ASSERT_TRUE(reopen("r1"));
  open();
  clock_.advance(seconds{6});
  const auto rows = await<std::vector<UnpublishedJob>>([&](auto done) {
                      store_->unpublished(seconds{5}, 10, std::move(done));
                    }).value();
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].outbox.topic, "tool-signals");
  EXPECT_EQ(rows[0].generation, 1U);
  // An answer of the bus to the message of before must not hide the one that is still to be sent.
  EXPECT_FALSE(await<bool>([&](auto done) { store_->mark_published("job-r1", 0, std::move(done)); }).value());
}

TEST_P(JobStoreTest, AReplayWithoutAJobIsGivenAgainUntilItIsTaken) {
  ASSERT_TRUE(finish("r1", take(signal("r1")).token, "failed", "dead"));
  ASSERT_EQ(reopen("r1").value().generation, 1U);
  open();  // before the bus had it; no row of a job holds it for the sweep
  const auto again = reopen("r1");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->generation, 1U);
  EXPECT_EQ(again->outbox.body, "1");
  EXPECT_EQ(again->job_id, "");
  ASSERT_EQ(take(signal("r1", 0, 1)).result, TakeResult::taken);
  EXPECT_EQ(reopen("r1").error().code, ErrorCode::conflict);
}

TEST_P(JobStoreTest, AClaimThatWasGivenBackIsNoReplay) {
  const auto mine = take(signal("r1"));
  ASSERT_TRUE(await<void>(
      [&](auto done) { store_->release_claim({.request_id = "r1", .token = mine.token}, std::move(done)); }));
  EXPECT_EQ(reopen("r1").error().code, ErrorCode::conflict);
}

TEST_P(JobStoreTest, TheClaimsOfACancelledJobEndWhenTheirOwnersAreGone) {
  const auto running = [&] {
    return await<StoreCounts>([&](auto done) { store_->counts(std::move(done)); }).value().claims_running;
  };
  insert("r1");
  take(signal("r1"));
  take(signal("r1/a-step"));
  take(signal("r10"));
  ASSERT_TRUE(await<Job>([&](auto done) { store_->cancel_job("job-r1", std::move(done)); }));
  auto theirs = signal("r1");
  theirs.owner = "another";
  EXPECT_EQ(take(theirs).result, TakeResult::running) << "its owner writes the end, if it lives";
  clock_.advance(seconds{31});
  EXPECT_EQ(running(), 3U);
  EXPECT_EQ(take(theirs).result, TakeResult::cancelled);
  EXPECT_EQ(running(), 1U) << "of the other request";
}

TEST_P(JobStoreTest, TheFirstDecisionStands) {
  const auto record = [&](bool matched) {
    StoredDecision decision;
    decision.request_id = "r1";
    decision.matched = matched;
    return await<StoredDecision>([&](auto done) { store_->record_decision(decision, std::move(done)); })
        .value();
  };
  EXPECT_TRUE(record(true).matched);
  EXPECT_TRUE(record(false).matched);
  const auto found = await<std::vector<StoredDecision>>([&](auto done) {
                       store_->find_decisions({"r2", "r1", "r1"}, std::move(done));
                     }).value();
  ASSERT_THAT(found, SizeIs(2));
  for (const auto& each : found) {
    EXPECT_EQ(each.request_id, "r1");
    EXPECT_TRUE(each.matched);
  }
}

TEST_P(JobStoreTest, WhatIsClaimedIsDecidedThoughItsRecordWasLost) {
  EXPECT_FALSE(decided("r1"));
  take(signal("r1"));
  EXPECT_TRUE(decided("r1"));
  EXPECT_FALSE(decided("r2"));
}

TEST_P(JobStoreTest, ADecisionThatNobodyWaitsForIsWrittenAllTheSame) {
  StoredDecision decision;
  decision.request_id = "r1";
  const auto noted =
      await<StoredDecision>([&](auto done) { store_->note_decision(decision, std::move(done)); });
  EXPECT_TRUE(noted) << noted.error().message;
  EXPECT_TRUE(decided("r1"));
}

TEST_P(JobStoreTest, WhoWaitsSeesTheEndInTheClaim) {
  insert("cancelled");
  await<Job>([&](auto done) { store_->cancel_job("job-cancelled", std::move(done)); }).value();
  const auto mine = take(signal("done"));
  ASSERT_TRUE(finish("done", mine.token, "bytes"));
  take(signal("running"));
  const auto ended = await<std::vector<FinishedRequest>>([&](auto done) {
                       store_->finished({"running", "done", "cancelled", "nobody"}, std::move(done));
                     }).value();
  ASSERT_THAT(ended, SizeIs(2));
  EXPECT_EQ(ended[0].result_json, "bytes");
  EXPECT_EQ(ended[1].request_id, "cancelled");
  EXPECT_EQ(ended[1].result_json, "");
}

}  // namespace
}  // namespace geminga::orchestrator
