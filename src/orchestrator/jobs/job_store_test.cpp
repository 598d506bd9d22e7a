#include <atomic>
#include <future>
#include <latch>
#include <set>

#include <gmock/gmock.h>

#include "orchestrator/jobs/testing/store_fixture.hpp"

namespace geminga::orchestrator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::await;
using ::testing::ElementsAre;
using testing::JobStoreTest;
using testing::new_job;
using testing::Place;
using ::testing::SizeIs;

template <class Kind>
std::unique_ptr<Place> make() {
  return std::make_unique<Kind>();
}
INSTANTIATE_TEST_SUITE_P(Sqlite, JobStoreTest, ::testing::Values(&make<testing::SqlitePlace>));
INSTANTIATE_TEST_SUITE_P(Postgresql, JobStoreTest, ::testing::Values(&make<testing::PostgresqlPlace>));

TEST_P(JobStoreTest, KeepsItsIdentityAndItsJobsOverAReopening) {
  const auto id = store_->id();
  EXPECT_TRUE(base::is_uuid(id));
  insert("r1");
  open();
  EXPECT_EQ(store_->id(), id);
  EXPECT_EQ(job("r1").status, JobStatus::pending);
  EXPECT_THAT(history("r1"), ElementsAre("PENDING"));
}

TEST_P(JobStoreTest, TheSameIdempotencyKeyGivesTheSameJob) {
  const auto first = insert("r1", "key");
  const auto second = insert("r2", "key");
  EXPECT_FALSE(first.existed);
  EXPECT_TRUE(second.existed);
  EXPECT_EQ(second.job.request_id, "r1");
  EXPECT_FALSE(insert("r3", "other").existed);
  const auto missing = await<Job>([&](auto done) { store_->find_job_of_request("r2", std::move(done)); });
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
}

TEST_P(JobStoreTest, TheSweepSeesOnlyOldRowsThatTheBusDoesNotHave) {
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

TEST_P(JobStoreTest, ARefusedJobLeavesNoRowAndAPublishedOneStays) {
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

TEST_P(JobStoreTest, AJobEndsOnceInEachGeneration) {
  insert("r1");
  EXPECT_EQ(apply("r1", JobStatus::completed), ResultApplied::applied);
  EXPECT_EQ(apply("r1", JobStatus::completed), ResultApplied::unchanged);
  EXPECT_EQ(apply("r1", JobStatus::failed), ResultApplied::unchanged);
  EXPECT_EQ(apply("nobody", JobStatus::failed), ResultApplied::unknown_request);
  EXPECT_EQ(job("r1").status, JobStatus::completed);
  EXPECT_THAT(history("r1"), ElementsAre("PENDING", "COMPLETED"));
}

TEST_P(JobStoreTest, ACancelledJobStaysCancelledAndKeepsALateResultInItsEvents) {
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

TEST_P(JobStoreTest, ListsNewestFirstByPageStatusAndSession) {
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

TEST_P(JobStoreTest, ListsTheJobsOfOneTenant) {
  const auto insert_for = [&](const std::string& tenant, const std::string& request) {
    auto row = new_job(request);
    row.tenant = tenant;
    row.session_id = "s";
    EXPECT_TRUE(await<InsertedJob>([&](auto done) { store_->insert_job(std::move(row), std::move(done)); }));
    clock_.advance(milliseconds{1});
  };
  insert_for("a", "a1");
  insert_for("b", "b1");
  insert_for("a", "a2");
  const auto list = [&](const JobFilter& filter) {
    return await<std::vector<Job>>([&](auto done) { store_->list_jobs(filter, std::move(done)); });
  };
  const auto ids = [&](const JobFilter& filter) {
    std::vector<std::string> found;
    const auto page = list(filter);
    for (const auto& row : page.value()) found.push_back(row.request_id);
    return found;
  };
  EXPECT_THAT(ids({}), ElementsAre("a2", "b1", "a1"));
  EXPECT_THAT(ids({.tenant = "a", .limit = 1}), ElementsAre("a2"));
  EXPECT_THAT(ids({.tenant = "a", .after_id = "job-a2"}), ElementsAre("a1"));
  EXPECT_THAT(ids({.tenant = "b", .status = JobStatus::pending, .session_id = "s"}), ElementsAre("b1"));
  EXPECT_THAT(ids({.tenant = "b", .status = JobStatus::failed}), ElementsAre());
  EXPECT_THAT(ids({.tenant = "a", .session_id = "s"}), ElementsAre("a2", "a1"));
  EXPECT_EQ(list({.tenant = "b", .after_id = "job-a1"}).error().code, ErrorCode::not_found);
  EXPECT_EQ(job("b1").tenant, "b");
}

TEST_P(JobStoreTest, TellsTheListenerWhatWasCommitted) {
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

TEST_P(JobStoreTest, AnEndWithAWebhookIsUntoldUntilTheBusHasIt) {
  std::atomic<int> told_of = 0;
  store_->listen([&](const JobEvent& event) { told_of += event.webhook ? 1 : 0; });
  auto row = new_job("hooked");
  row.webhook_url = "https://example.com/hook";
  ASSERT_TRUE(await<InsertedJob>([&](auto done) { store_->insert_job(row, std::move(done)); }));
  insert("plain");
  const auto untold = [&](const std::string& id = {}, milliseconds age = milliseconds{0}) {
    return await<std::vector<UntoldJob>>([&](auto done) { store_->untold(id, age, 10, std::move(done)); })
        .value();
  };
  EXPECT_THAT(untold(), SizeIs(0)) << "it runs";
  const auto mine = take(signal("hooked"));
  ASSERT_TRUE(finish("hooked", mine.token, "result", "a dead letter"));
  apply("plain", JobStatus::completed);
  apply("hooked", JobStatus::failed);
  EXPECT_THAT(untold({}, seconds{5}), SizeIs(0)) << "it has ended just now";
  ASSERT_THAT(untold("job-hooked"), SizeIs(1));
  clock_.advance(seconds{5});
  ASSERT_THAT(untold({}, seconds{5}), SizeIs(1));
  const auto found = untold().at(0);
  EXPECT_EQ(found.id, "job-hooked");
  EXPECT_EQ(found.url, "https://example.com/hook");
  EXPECT_EQ(found.topic, "user-requests");
  EXPECT_EQ(found.properties.at("requestId"), "hooked");
  EXPECT_THAT(untold("job-plain"), SizeIs(0));
  const auto told = [&](std::uint32_t generation) {
    ASSERT_TRUE(
        await<void>([&](auto done) { store_->mark_told("job-hooked", generation, std::move(done)); }));
  };
  told(0);
  EXPECT_THAT(untold(), SizeIs(0));
  ASSERT_TRUE(reopen("hooked"));
  EXPECT_THAT(untold(), SizeIs(0)) << "it runs again";
  apply("hooked", JobStatus::completed, 1);
  told(0);
  ASSERT_THAT(untold(), SizeIs(1)) << "each generation ends once more";
  EXPECT_EQ(untold()[0].generation, 1U);
  const auto prune = [&] {
    clock_.advance(seconds{1});
    return await<Pruned>([&](auto done) { store_->prune(clock_.wall_now(), 10, {}, std::move(done)); })
        .value()
        .requests;
  };
  ASSERT_TRUE(finish("hooked", take(signal("hooked", 0, 1)).token, "result"));
  EXPECT_EQ(prune(), 1U) << "only the one without a webhook";
  told(1);
  EXPECT_EQ(prune(), 1U);
  store_->listen({});
  EXPECT_GE(told_of, 4);
}

TEST_P(JobStoreTest, PruningTakesWhatHasEndedAndNothingElse) {
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
    return await<Pruned>([&](auto done) { store_->prune(cut, limit, {}, std::move(done)); }).value().requests;
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

TEST_P(JobStoreTest, ARunOfPruningLooksOnceAtWhatIsKept) {
  const auto ended = [&](const std::string& request, const std::string& dead_letter = {}) {
    insert(request);
    ASSERT_TRUE(finish(request, take(signal(request)).token, "result", dead_letter));
    apply(request, dead_letter.empty() ? JobStatus::completed : JobStatus::failed);
    clock_.advance(seconds{1});
  };
  ended("kept", "a dead letter");
  for (const auto* request : {"one", "two", "three"}) ended(request);
  const auto cut = clock_.wall_now();
  const auto prune = [&](std::uint32_t limit, const PruneFrom& from) {
    return await<Pruned>([&](auto done) { store_->prune(cut, limit, from, std::move(done)); }).value();
  };
  const auto first = prune(2, {});
  EXPECT_EQ(first.requests, 2U);
  const DiscardedLetter letter{.message_id = "1:2:-1", .request_id = "kept", .generation = 0};
  ASSERT_TRUE(await<void>([&](auto done) { store_->discard_letter(letter, std::move(done)); }));
  const auto second = prune(2, first.next);
  EXPECT_EQ(second.requests, 1U) << "it goes on behind the two";
  EXPECT_EQ(prune(2, second.next).requests, 0U);
  EXPECT_EQ(prune(2, {}).requests, 1U) << "the next run begins anew";
}

TEST_P(JobStoreTest, AFailingWriteDoesNotSpoilItsGroup) {
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

TEST_P(JobStoreTest, AnswersClosedAfterItsStop) {
  insert("r1");
  store_->stop();
  const auto late = await<Job>([&](auto done) { store_->find_job("job-r1", std::move(done)); });
  EXPECT_EQ(late.error().code, ErrorCode::closed);
}

}  // namespace
}  // namespace geminga::orchestrator
