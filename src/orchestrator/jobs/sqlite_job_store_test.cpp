#include <atomic>
#include <csignal>
#include <latch>
#include <set>
#include <sys/resource.h>

#include <gmock/gmock.h>
#include <sqlite3.h>

#include "orchestrator/testing/store.hpp"

namespace geminga::orchestrator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::await;
using ::testing::ElementsAre;
using testing::new_job;
using ::testing::SizeIs;
using testing::TemporaryFolder;

/// While it lives, every write to a file fails with EFBIG.
class NoWrites {
 public:
  NoWrites() {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &none);
  }
  ~NoWrites() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  NoWrites(const NoWrites&) = delete;
  NoWrites& operator=(const NoWrites&) = delete;

 private:
  rlimit before_{};
};

class SqliteJobStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    store_.reset();
    auto opened = open_sqlite_job_store(
        {.file = folder_.path() / "jobs.db", .clock = &clock_, .on_disk_error = [this](const Error& error) {
           disk_errors_.push_back(error);
         }});
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }

  InsertedJob insert(const std::string& request, std::optional<std::string> key = std::nullopt) {
    return await<InsertedJob>([&](auto done) { store_->insert_job(new_job(request, key), std::move(done)); })
        .value();
  }
  TakenClaim take(TakeClaim claim) {
    return await<TakenClaim>([&](auto done) { store_->take_claim(claim, std::move(done)); }).value();
  }
  static TakeClaim signal(std::string request, std::uint32_t attempt = 0, std::uint32_t generation = 0) {
    TakeClaim claim;
    claim.request_id = std::move(request);
    claim.attempt = attempt;
    claim.generation = generation;
    claim.owner = "me";
    return claim;
  }
  Result<> finish(const std::string& request, const std::string& token, const std::string& result,
                  const std::string& dead_letter = {}) {
    return await<void>([&](auto done) {
      store_->finish_claim({.request_id = request,
                            .token = token,
                            .result_json = result,
                            .dead_letter_json = dead_letter,
                            .failure = std::nullopt},
                           std::move(done));
    });
  }
  void decide(const std::string& request) {
    StoredDecision decision;
    decision.request_id = request;
    decision.detail_json = "{}";
    EXPECT_TRUE(
        await<StoredDecision>([&](auto done) { store_->record_decision(decision, std::move(done)); }));
  }
  bool decided(const std::string& request) {
    return await<std::optional<StoredDecision>>(
               [&](auto done) { store_->find_decision(request, std::move(done)); })
        .value()
        .has_value();
  }
  Result<> retry(const std::string& request, const std::string& token, std::uint32_t attempt, Timestamp at) {
    return await<void>([&](auto done) {
      store_->retry_claim({.request_id = request,
                           .token = token,
                           .retry_at = at,
                           .failure = {.attempt = attempt, .at = at, .outcome = "unknown", .error = "broke"}},
                          std::move(done));
    });
  }
  ResultApplied apply(const std::string& request, JobStatus status, std::uint32_t generation = 0) {
    ResultUpdate update;
    update.request_id = request;
    update.generation = generation;
    update.status = status;
    update.result_json = "{\"of\":\"" + request + "\"}";
    return await<ResultApplied>([&](auto done) { store_->apply_result(update, std::move(done)); }).value();
  }
  Job job(const std::string& request) {
    return await<Job>([&](auto done) { store_->find_job_of_request(request, std::move(done)); }).value();
  }
  std::vector<std::string> history(const std::string& request) {
    std::vector<std::string> names;
    auto events = await<std::vector<JobEvent>>(
        [&](auto done) { store_->job_events("job-" + request, 0, std::move(done)); });
    for (const auto& event : events.value()) names.push_back(event.event);
    return names;
  }
  Result<Reopened> reopen(const std::string& request) {
    return await<Reopened>([&](auto done) {
      store_->reopen({.request_id = request,
                      .outbox =
                          [](std::uint32_t generation) {
                            return OutboxMessage{.topic = "tool-signals",
                                                 .body = std::to_string(generation),
                                                 .properties = {}};
                          }},
                     std::move(done));
    });
  }

  TemporaryFolder folder_;
  std::vector<Error> disk_errors_;  // the store's thread, until it has stopped
  base::ManualClock clock_;
  std::unique_ptr<JobStore> store_;
};

TEST_F(SqliteJobStoreTest, KeepsItsIdentityAndItsJobsOverAReopening) {
  const auto id = store_->id();
  EXPECT_TRUE(base::is_uuid(id));
  insert("r1");
  open();
  EXPECT_EQ(store_->id(), id);
  EXPECT_EQ(job("r1").status, JobStatus::pending);
  EXPECT_THAT(history("r1"), ElementsAre("PENDING"));
}

TEST_F(SqliteJobStoreTest, TheSameIdempotencyKeyGivesTheSameJob) {
  const auto first = insert("r1", "key");
  const auto second = insert("r2", "key");
  EXPECT_FALSE(first.existed);
  EXPECT_TRUE(second.existed);
  EXPECT_EQ(second.job.request_id, "r1");
  EXPECT_FALSE(insert("r3", "other").existed);
  const auto missing = await<Job>([&](auto done) { store_->find_job_of_request("r2", std::move(done)); });
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
}

TEST_F(SqliteJobStoreTest, TheSweepSeesOnlyOldRowsThatTheBusDoesNotHave) {
  insert("r1");
  insert("r2");
  EXPECT_TRUE(await<bool>([&](auto done) { store_->mark_published("job-r2", 0, std::move(done)); }).value());
  const auto sweep = [&] {
    return await<std::vector<UnpublishedJob>>(
               [&](auto done) { store_->unpublished(seconds{5}, 10, std::move(done)); })
        .value();
  };
  EXPECT_THAT(sweep(), SizeIs(0));
  clock_.advance(seconds{5});
  ASSERT_THAT(sweep(), SizeIs(1));
  EXPECT_EQ(sweep()[0].outbox.topic, "user-requests");
  EXPECT_EQ(sweep()[0].outbox.properties.at("requestId"), "r1");
}

TEST_F(SqliteJobStoreTest, ARefusedJobLeavesNoRowAndAPublishedOneStays) {
  insert("r1");
  insert("r2");
  await<bool>([&](auto done) { store_->mark_published("job-r2", 0, std::move(done)); }).value();
  const auto discard = [&](const std::string& id) {
    return await<bool>([&](auto done) { store_->discard_unpublished(id, std::move(done)); }).value();
  };
  EXPECT_TRUE(discard("job-r1"));
  EXPECT_FALSE(discard("job-r2"));
  EXPECT_THAT(history("r1"), SizeIs(0));
  EXPECT_FALSE(await<bool>([&](auto done) { store_->mark_published("job-r1", 0, std::move(done)); }).value());
}

TEST_F(SqliteJobStoreTest, AClaimIsTakenOnceAndItsResultComesAgain) {
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

TEST_F(SqliteJobStoreTest, AnOldTokenWritesNothing) {
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

TEST_F(SqliteJobStoreTest, AnOwnerFromBeforeTheRestartIsGone) {
  ASSERT_EQ(take(signal("r1")).result, TakeResult::taken);
  open();
  EXPECT_EQ(
      await<std::uint64_t>([&](auto done) { store_->expire_other_leases("next", std::move(done)); }).value(),
      1U);
  auto next = signal("r1");
  next.owner = "next";
  EXPECT_EQ(take(next).result, TakeResult::outcome_unknown);
  EXPECT_EQ(take(next).result, TakeResult::running);
}

TEST_F(SqliteJobStoreTest, ALeaseThatIsRenewedLivesOn) {
  const auto mine = take(signal("r1"));
  const auto renew = [&](const std::string& token) {
    return await<std::vector<HeldClaim>>([&](auto done) {
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

TEST_F(SqliteJobStoreTest, ARetryOpensTheNextAttemptAndIsFoundAgainAfterACrash) {
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

TEST_F(SqliteJobStoreTest, AReleasedClaimSpendsNoAttempt) {
  const auto first = take(signal("r1"));
  ASSERT_TRUE(await<void>([&](auto done) {
    store_->release_claim({.request_id = "r1", .token = first.token}, std::move(done));
  }));
  EXPECT_EQ(take(signal("r1")).result, TakeResult::taken);
}

TEST_F(SqliteJobStoreTest, TheFirstKindWins) {
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

TEST_F(SqliteJobStoreTest, AJobEndsOnceInEachGeneration) {
  insert("r1");
  EXPECT_EQ(apply("r1", JobStatus::completed), ResultApplied::applied);
  EXPECT_EQ(apply("r1", JobStatus::completed), ResultApplied::unchanged);
  EXPECT_EQ(apply("r1", JobStatus::failed), ResultApplied::unchanged);
  EXPECT_EQ(apply("nobody", JobStatus::failed), ResultApplied::unknown_request);
  EXPECT_EQ(job("r1").status, JobStatus::completed);
  EXPECT_THAT(history("r1"), ElementsAre("PENDING", "COMPLETED"));
}

TEST_F(SqliteJobStoreTest, ACancelledJobStaysCancelledAndKeepsALateResultInItsEvents) {
  insert("r1");
  const auto mine = take(signal("r1"));
  const auto cancel = [&] {
    return await<Job>([&](auto done) { store_->cancel_job("job-r1", std::move(done)); });
  };
  EXPECT_EQ(cancel().value().status, JobStatus::cancelled);
  EXPECT_EQ(cancel().error().code, ErrorCode::job_terminal);
  EXPECT_EQ(take(signal("r1")).result, TakeResult::cancelled);
  EXPECT_EQ(apply("r1", JobStatus::completed), ResultApplied::late);
  EXPECT_EQ(apply("r1", JobStatus::completed), ResultApplied::late);
  EXPECT_EQ(job("r1").status, JobStatus::cancelled);
  EXPECT_THAT(history("r1"), ElementsAre("PENDING", "PROCESSING", "CANCELLED", "LATE_RESULT"));
}

TEST_F(SqliteJobStoreTest, OnlyAReplayReopens) {
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

TEST_F(SqliteJobStoreTest, AReplayThatDidNotReachTheBusIsSweptAsItsSignal) {
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

TEST_F(SqliteJobStoreTest, TheFirstDecisionStands) {
  const auto record = [&](bool matched) {
    StoredDecision decision;
    decision.request_id = "r1";
    decision.matched = matched;
    return await<StoredDecision>([&](auto done) { store_->record_decision(decision, std::move(done)); })
        .value();
  };
  EXPECT_TRUE(record(true).matched);
  EXPECT_TRUE(record(false).matched);
  const auto none =
      await<std::optional<StoredDecision>>([&](auto done) { store_->find_decision("r2", std::move(done)); });
  EXPECT_FALSE(none.value());
}

TEST_F(SqliteJobStoreTest, WhoWaitsSeesTheEndInTheClaim) {
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

TEST_F(SqliteJobStoreTest, ListsNewestFirstByPageStatusAndSession) {
  for (const auto* request : {"r1", "r2", "r3"}) {
    insert(request);
    clock_.advance(milliseconds{1});
  }
  apply("r2", JobStatus::failed);
  const auto list = [&](const JobFilter& filter) {
    std::vector<std::string> ids;
    const auto page = await<std::vector<Job>>([&](auto done) { store_->list_jobs(filter, std::move(done)); });
    for (const auto& row : page.value()) ids.push_back(row.request_id);
    return ids;
  };
  JobFilter filter;
  filter.limit = 2;
  EXPECT_THAT(list(filter), ElementsAre("r3", "r2"));
  filter.after_id = "job-r2";
  EXPECT_THAT(list(filter), ElementsAre("r1"));
  filter = {};
  filter.status = JobStatus::failed;
  EXPECT_THAT(list(filter), ElementsAre("r2"));
  filter.session_id = "none";
  EXPECT_THAT(list(filter), ElementsAre());
  const auto counts = await<StoreCounts>([&](auto done) { store_->counts(std::move(done)); }).value();
  EXPECT_EQ(counts.pending, 2U);
  EXPECT_EQ(counts.failed, 1U);
}

TEST_F(SqliteJobStoreTest, AFailingWriteDoesNotSpoilItsGroup) {
  // A callback holds the writing thread while a group gathers behind it.
  std::latch gathered(1);
  store_->insert_job(new_job("first"), [&](const Result<InsertedJob>&) { gathered.wait(); });
  std::atomic<int> good = 0;
  std::atomic<int> bad = 0;
  std::promise<void> last;
  const auto count = [&](Result<InsertedJob> result) {
    (result ? good : bad)++;
    if (good + bad == 101) last.set_value();
  };
  for (int i = 0; i < 100; ++i) store_->insert_job(new_job("r" + std::to_string(i)), count);
  store_->insert_job(new_job("r50"), count);  // the request id is taken
  gathered.count_down();
  last.get_future().wait();
  EXPECT_EQ(good, 100);
  EXPECT_EQ(bad, 1);
  EXPECT_THAT(history("r50"), ElementsAre("PENDING"));
}

TEST_F(SqliteJobStoreTest, TellsTheListenerWhatWasCommitted) {
  std::vector<std::string> seen;
  std::promise<void> two;
  store_->listen([&](const JobEvent& event) {
    seen.push_back(event.event);
    if (seen.size() == 2) two.set_value();
  });
  insert("r1");
  const auto refused =
      await<InsertedJob>([&](auto done) { store_->insert_job(new_job("r1"), std::move(done)); });
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  take(signal("r1"));
  two.get_future().wait();
  store_->listen({});
  EXPECT_THAT(seen, ElementsAre("PENDING", "PROCESSING"));
}

TEST_F(SqliteJobStoreTest, AnswersClosedAfterItsStop) {
  insert("r1");
  store_->stop();
  const auto late = await<Job>([&](auto done) { store_->find_job("job-r1", std::move(done)); });
  EXPECT_EQ(late.error().code, ErrorCode::closed);
}

TEST_F(SqliteJobStoreTest, AfterAFailedWriteNothingIsWrittenAnyMore) {
  insert("safe");
  const auto write = [&](const std::string& request) {
    return await<InsertedJob>([&](auto done) { store_->insert_job(new_job(request), std::move(done)); });
  };
  {
    const NoWrites disk;
    const auto lost = write("lost");
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code, ErrorCode::disk_error);
    EXPECT_EQ(write("lost too").error().code, ErrorCode::disk_error);
  }
  EXPECT_EQ(write("after").error().code, ErrorCode::disk_error) << "the disk is there again, but who knows";
  EXPECT_TRUE(await<Job>([&](auto done) { store_->find_job("job-safe", std::move(done)); }))
      << "reading goes on";
  store_->stop();
  ASSERT_THAT(disk_errors_, SizeIs(1)) << "told once";
  EXPECT_THAT(disk_errors_[0].message, ::testing::HasSubstr("jobs.db"));
  open();
  EXPECT_TRUE(await<Job>([&](auto done) { store_->find_job("job-safe", std::move(done)); }));
  EXPECT_EQ(await<Job>([&](auto done) { store_->find_job("job-lost", std::move(done)); }).error().code,
            ErrorCode::not_found);
  insert("after");
}

TEST_F(SqliteJobStoreTest, PruningTakesWhatHasEndedAndNothingElse) {
  const auto ended = [&](const std::string& request, const std::string& dead_letter = {}) {
    insert(request);
    decide(request);
    const auto claim = take(signal(request));
    ASSERT_TRUE(finish(request, claim.token, "result of " + request, dead_letter));
    ResultUpdate update;
    update.request_id = request;
    update.status = dead_letter.empty() ? JobStatus::completed : JobStatus::failed;
    update.result_json = "result of " + request;
    ASSERT_TRUE(await<ResultApplied>([&](auto done) { store_->apply_result(update, std::move(done)); }));
  };
  ended("old");
  ended("failed", "a dead letter");
  insert("pending");
  insert("running");
  take(signal("running"));
  insert("cancelled");
  ASSERT_TRUE(await<Job>([&](auto done) { store_->cancel_job("job-cancelled", std::move(done)); }));
  insert("cancelled-in-retry");
  const auto tried = take(signal("cancelled-in-retry"));
  ASSERT_TRUE(retry("cancelled-in-retry", tried.token, 0, clock_.wall_now() + seconds{5}));
  ASSERT_TRUE(await<Job>([&](auto done) { store_->cancel_job("job-cancelled-in-retry", std::move(done)); }));
  decide("no-job");
  ASSERT_TRUE(finish("no-job", take(signal("no-job")).token, "result"));
  decide("no-job-either");
  clock_.advance(seconds{100});
  const auto cut = clock_.wall_now();
  clock_.advance(seconds{1});
  ended("young");

  const auto prune = [&](std::uint32_t limit) {
    return await<std::uint64_t>([&](auto done) { store_->prune(cut, limit, std::move(done)); }).value();
  };
  std::uint64_t pruned = 0;
  int groups = 0;
  while (const auto count = prune(1)) {
    pruned += count;
    ++groups;
  }
  EXPECT_EQ(pruned, 4U) << "old, cancelled, and two without a job";
  EXPECT_GE(groups, 2) << "in groups";
  const auto jobs =
      await<std::vector<Job>>([&](auto done) { store_->list_jobs({}, std::move(done)); }).value();
  std::set<std::string> left;
  for (const auto& job : jobs) left.insert(job.request_id);
  EXPECT_EQ(left, (std::set<std::string>{"failed", "pending", "running", "cancelled-in-retry", "young"}));
  EXPECT_THAT(await<std::vector<JobEvent>>([&](auto done) {
                store_->job_events("job-old", 0, std::move(done));
              }).value(),
              SizeIs(0));
  for (const auto* gone : {"old", "no-job", "no-job-either"}) EXPECT_FALSE(decided(gone)) << gone;
  for (const auto* stays : {"failed", "young"}) EXPECT_TRUE(decided(stays)) << stays;
  EXPECT_EQ(take(signal("cancelled-in-retry", 1)).result, TakeResult::cancelled) << "its retry is not called";
  EXPECT_EQ(prune(100), 1U) << "now that one, too";

  const DiscardedLetter letter{.message_id = "1:2:-1", .request_id = "failed", .generation = 0};
  ASSERT_TRUE(await<void>([&](auto done) { store_->discard_letter(letter, std::move(done)); }));
  ASSERT_TRUE(await<void>([&](auto done) { store_->discard_letter(letter, std::move(done)); }))
      << "twice is as once";
  EXPECT_THAT(await<std::vector<std::string>>([&](auto done) {
                store_->discarded_among({"1:1:-1", "1:2:-1"}, std::move(done));
              }).value(),
              ElementsAre("1:2:-1"));
  const auto replayed = await<Reopened>([&](auto done) {
    store_->reopen({.request_id = "failed", .outbox = [](std::uint32_t) { return OutboxMessage{}; }},
                   std::move(done));
  });
  EXPECT_EQ(replayed.error().code, ErrorCode::conflict) << "nothing is left to replay";
  EXPECT_EQ(prune(100), 1U) << "and nothing holds the job";
}

TEST_F(SqliteJobStoreTest, AStoreOfTheFirstSchemaIsBroughtUpToDate) {
  insert("kept");
  store_.reset();
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open((folder_.path() / "jobs.db").c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(
                raw,
                "DROP INDEX jobs_by_end; DROP INDEX claims_by_end; DROP INDEX decisions_by_time; DROP TABLE "
                "discarded_letters; PRAGMA user_version=1",
                nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(raw);
  open();
  EXPECT_EQ(insert("new").job.request_id, "new");
  EXPECT_TRUE(await<Job>([&](auto done) { store_->find_job("job-kept", std::move(done)); }));
  EXPECT_TRUE(
      await<std::uint64_t>([&](auto done) { store_->prune(clock_.wall_now(), 10, std::move(done)); }));
}

TEST_F(SqliteJobStoreTest, RefusesANewerSchemaAndAFileThatIsNoDatabase) {
  store_.reset();
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open((folder_.path() / "jobs.db").c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "PRAGMA user_version=99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  const auto newer = open_sqlite_job_store({.file = folder_.path() / "jobs.db"});
  EXPECT_EQ(newer.error().code, ErrorCode::format_too_new);
  const auto none = open_sqlite_job_store({.file = folder_.path() / "missing" / "jobs.db"});
  EXPECT_EQ(none.error().code, ErrorCode::disk_error);
  std::FILE* text = std::fopen((folder_.path() / "text.db").c_str(), "w");
  std::fputs(std::string(5'000, 'x').c_str(), text);
  std::fclose(text);
  const auto garbage = open_sqlite_job_store({.file = folder_.path() / "text.db"});
  EXPECT_EQ(garbage.error().code, ErrorCode::corrupted);
}

}  // namespace
}  // namespace geminga::orchestrator
