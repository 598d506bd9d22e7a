#include <atomic>
#include <cstdio>
#include <future>
#include <latch>

#include <gmock/gmock.h>
#include <sqlite3.h>

#include "base/no_writes.hpp"
#include "orchestrator/jobs/sqlite/lane.hpp"
#include "orchestrator/jobs/sqlite_fixture.hpp"

namespace geminga::orchestrator {
namespace {

using testing::await;
using ::testing::ElementsAre;
using testing::new_job;
using ::testing::SizeIs;
using testing::SqliteJobStoreTest;

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

TEST_F(SqliteJobStoreTest, NobodyElseReadsTheFile) {
  insert("r1");
  using std::filesystem::perms;
  for (const char* name : {"jobs.db", "jobs.db-wal"})
    EXPECT_EQ(std::filesystem::status(folder_.path() / name).permissions(),
              perms::owner_read | perms::owner_write)
        << name;
}

TEST_F(SqliteJobStoreTest, AnErrorThatIsNotTheDisksEndsOneWriteOnly) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open((folder_.path() / "jobs.db").c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "DROP TABLE decisions", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  StoredDecision decision;
  decision.request_id = "r1";
  const auto refused =
      await<StoredDecision>([&](auto done) { store_->record_decision(decision, std::move(done)); });
  EXPECT_EQ(refused.error().code, ErrorCode::internal) << refused.error().message;
  EXPECT_FALSE(insert("r1").existed);
  store_->stop();
  EXPECT_THAT(disk_errors_, SizeIs(0));
}

/// An operation of a test.
class Refused final : public sqlite::Operation {
 public:
  Refused(ErrorCode code, std::vector<ErrorCode>& answers) : code_(code), answers_(answers) {}
  Result<> apply(sqlite::Context&) override { return fail(code_, "so it is"); }
  void finish(Result<> committed) override { answers_.push_back(committed.error().code); }

 private:
  const ErrorCode code_;
  std::vector<ErrorCode>& answers_;
};

TEST_F(SqliteJobStoreTest, DamageEndsItAsAFailedDiskDoes) {
  const auto database =
      sqlite::Database::open(folder_.path() / "other.db", sqlite::Database::Mode::read_write).value();
  for (const auto& [code, fatal] : {std::pair{ErrorCode::corrupted, true},
                                    {ErrorCode::disk_error, true},
                                    {ErrorCode::internal, false},
                                    {ErrorCode::conflict, false}}) {
    std::vector<ErrorCode> answers;
    sqlite::Lane::Batch batch;
    batch.push_back(std::make_unique<Refused>(ErrorCode::conflict, answers));
    batch.push_back(std::make_unique<Refused>(code, answers));
    const auto committed = sqlite::commit_group(*database, clock_.wall_now(), batch);
    EXPECT_EQ(committed.has_value(), !fatal);
    EXPECT_THAT(answers, ElementsAre(fatal ? code : ErrorCode::conflict, code));
    EXPECT_EQ(sqlite::ends_it({code, ""}), fatal);
  }
  EXPECT_EQ(database->error_of(SQLITE_IOERR_FSYNC).code, ErrorCode::disk_error);
  EXPECT_EQ(database->error_of(SQLITE_CORRUPT_INDEX).code, ErrorCode::corrupted);
  EXPECT_EQ(database->error_of(SQLITE_NOMEM).code, ErrorCode::unavailable);
  EXPECT_EQ(database->error_of(SQLITE_MISUSE).code, ErrorCode::internal);
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
    const base::testing::NoWrites disk;
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

TEST_F(SqliteJobStoreTest, AStoreOfTheFirstSchemaIsBroughtUpToDate) {
  insert("kept");
  store_.reset();
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open((folder_.path() / "jobs.db").c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(
          raw,
          "DROP INDEX jobs_by_end; DROP INDEX claims_by_end; DROP INDEX decisions_by_time; DROP TABLE "
          "discarded_letters; DROP INDEX jobs_by_tenant; ALTER TABLE orchestrator_jobs DROP COLUMN tenant; "
          "PRAGMA user_version=1",
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
