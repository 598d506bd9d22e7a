#include <algorithm>
#include <atomic>
#include <future>
#include <latch>
#include <thread>

#include <gmock/gmock.h>

#include "orchestrator/jobs/testing/cutting_proxy.hpp"
#include "orchestrator/jobs/testing/store_fixture.hpp"

namespace geminga::orchestrator {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::await;
using testing::CuttingProxy;
using ::testing::ElementsAre;
using testing::new_job;

/// The server goes away; what the store says of it afterwards must be true.
class PostgresqlLossTest : public testing::StoreTest {
 protected:
  PostgresqlLossTest() : StoreTest(std::make_unique<testing::PostgresqlPlace>()) {}

  void open_patiently(milliseconds patience, const std::string& url) {
    store_.reset();
    auto opened = open_postgresql_job_store({.url = url, .clock = &clock_, .patience = patience});
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }
  Result<InsertedJob> try_insert(const std::string& request) {
    return await<InsertedJob>([&](auto done) { store_->insert_job(new_job(request), std::move(done)); });
  }

  testing::PostgresqlServer& server_ = testing::PostgresqlServer::shared();
};

/// Each case with a claim, whose token says which of two tries stands, and a job, which may be there once
/// only.
TEST_F(PostgresqlLossTest, AConnectionThatBreaksAtTheCommitLosesNothingAndDoublesNothing) {
  CuttingProxy proxy(server_.socket() + "/.s.PGSQL.5432");
  open_patiently(minutes{1}, proxy.url());
  int cuts = 0;
  for (const auto cut : {CuttingProxy::Cut::before_commit, CuttingProxy::Cut::after_commit}) {
    const auto name = std::to_string(static_cast<int>(cut));
    proxy.cut(cut);
    const auto inserted = try_insert(name);
    ASSERT_TRUE(inserted) << inserted.error().message;
    EXPECT_FALSE(inserted->existed);
    EXPECT_EQ(proxy.cuts(), ++cuts);
    proxy.cut(cut);
    const auto mine = take(signal(name));
    EXPECT_EQ(mine.result, TakeResult::taken);
    EXPECT_EQ(proxy.cuts(), ++cuts);
    proxy.cut(cut);
    EXPECT_TRUE(finish(name, mine.token, "the result")) << "the token is the one of the row";
    EXPECT_EQ(proxy.cuts(), ++cuts);
    EXPECT_EQ(take(signal(name)).result_json, "the result");
    EXPECT_THAT(history(name), ElementsAre("PENDING", "PROCESSING"));
  }
}

TEST_F(PostgresqlLossTest, AGroupThatWasCommittedUnheardTellsItsEventsOnce) {
  CuttingProxy proxy(server_.socket() + "/.s.PGSQL.5432");
  open_patiently(minutes{1}, proxy.url());
  std::latch gathered(1);
  store_->insert_job(new_job("first"), [&](const Result<InsertedJob>&) { gathered.wait(); });
  std::vector<std::string> seen;
  std::promise<void> last;
  store_->listen([&](const JobEvent& event) {
    seen.push_back(event.request_id);
    if (event.request_id == "r2") last.set_value();
  });
  std::atomic<int> conflicts = 0;
  for (const auto* request : {"r1", "r1", "r2"})
    store_->insert_job(new_job(request), [&](const Result<InsertedJob>& result) {
      if (!result) conflicts += result.error().code == ErrorCode::conflict ? 1 : 100;
    });
  proxy.cut(CuttingProxy::Cut::after_commit);
  gathered.count_down();
  last.get_future().wait();
  store_->listen({});
  EXPECT_EQ(proxy.cuts(), 1);
  EXPECT_EQ(conflicts, 1);
  EXPECT_THAT(seen, ::testing::IsSupersetOf({"r1", "r2"}));
  EXPECT_EQ(std::count(seen.begin(), seen.end(), "r2"), 1);
}

TEST_F(PostgresqlLossTest, WhileTheServerIsAwayCallsWaitAndThenSaySo) {
  open_patiently(milliseconds{300}, server_.url());
  server_.stop();
  const auto refused = try_insert("r1");
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable) << refused.error().message;
  const auto unread = await<Job>([&](auto done) { store_->find_job("job-r1", std::move(done)); });
  EXPECT_EQ(unread.error().code, ErrorCode::unavailable);
  server_.start();
  EXPECT_FALSE(insert("r1").existed) << "it had written nothing";
  EXPECT_EQ(job("r1").status, JobStatus::pending);
}

TEST_F(PostgresqlLossTest, ACallThatWaitsIsServedByTheServerThatComesBack) {
  open_patiently(minutes{2}, server_.url());
  insert("before");
  server_.kill();
  std::promise<Result<InsertedJob>> written;
  store_->insert_job(new_job("r1"),
                     [&](Result<InsertedJob> result) { written.set_value(std::move(result)); });
  server_.start();
  const auto result = written.get_future().get();
  EXPECT_TRUE(result) << result.error().message;
  EXPECT_EQ(job("before").status, JobStatus::pending);
}

TEST_F(PostgresqlLossTest, AStopDoesNotWaitForAServerThatIsAway) {
  open_patiently(minutes{30}, server_.url());
  server_.stop();
  std::promise<Result<InsertedJob>> written;
  store_->insert_job(new_job("r1"),
                     [&](Result<InsertedJob> result) { written.set_value(std::move(result)); });
  store_->stop();
  EXPECT_EQ(written.get_future().get().error().code, ErrorCode::unavailable);
}

/// Two owners with a store each claim the same requests while the server is killed.
TEST_F(PostgresqlLossTest, NoClaimIsLostOrDoubledWhenTheServerIsKilledUnderLoad) {
  constexpr int kRequests = 240;
  constexpr int kThreads = 3;  // of each owner
  std::vector<std::atomic<int>> taken(kRequests);
  std::atomic<int> answers = 0;
  std::atomic<int> faults = 0;
  const auto claim_all = [&](JobStore& store, const std::string& owner, int from) {
    for (int i = 0; i < kRequests; ++i) {
      auto claim = signal(std::to_string((i + from) % kRequests));
      claim.owner = owner;
      claim.lease = minutes{30};
      const auto got = await<TakenClaim>([&](auto done) { store.take_claim(claim, std::move(done)); });
      if (!got) ++faults;
      if (got && got->result == TakeResult::taken) {
        ++taken[static_cast<std::size_t>(std::stoi(claim.request_id))];
        const auto written = await<void>([&](auto done) {
          FinishClaim finish;
          finish.request_id = claim.request_id;
          finish.token = got->token;
          finish.result_json = owner;
          store.finish_claim(std::move(finish), std::move(done));
        });
        if (!written) ++faults;
      }
      ++answers;
      answers.notify_all();
    }
  };
  const auto until = [&](int wanted) {
    for (int seen = answers; seen < wanted; seen = answers) answers.wait(seen);
  };
  std::vector<std::unique_ptr<JobStore>> stores;
  std::vector<std::jthread> threads;
  for (const auto* owner : {"one", "two"}) {
    stores.push_back(open_postgresql_job_store({.url = server_.url(), .patience = minutes{3}}).value());
    for (int thread = 0; thread < kThreads; ++thread)
      threads.emplace_back(claim_all, std::ref(*stores.back()), owner, thread * 40);
  }
  for (const int part : {1, 2, 3}) {
    until(part * kRequests * kThreads * 2 / 5);
    server_.kill();
    server_.start();
  }
  threads.clear();
  EXPECT_EQ(faults, 0);
  for (int i = 0; i < kRequests; ++i) EXPECT_EQ(taken[static_cast<std::size_t>(i)], 1) << i;
  EXPECT_EQ(server_.sql("SELECT count(*) FROM geminga.claims WHERE state = 'DONE'"),
            std::to_string(kRequests));
}

}  // namespace
}  // namespace geminga::orchestrator
