#include <cstdio>

#include <gmock/gmock.h>
#include <sqlite3.h>

#include "base/no_writes.hpp"
#include "orchestrator/jobs/sql/group.hpp"
#include "orchestrator/jobs/sqlite/database.hpp"
#include "orchestrator/jobs/testing/store_fixture.hpp"

namespace geminga::orchestrator {
namespace {

using testing::await;
using ::testing::ElementsAre;
using testing::new_job;
using ::testing::SizeIs;

class SqliteFileTest : public testing::StoreTest {
 protected:
  SqliteFileTest() : StoreTest(std::make_unique<testing::SqlitePlace>()) {}
  const testing::TemporaryFolder& folder_ = static_cast<testing::SqlitePlace&>(*place_).folder();
};

TEST_F(SqliteFileTest, NobodyElseReadsTheFile) {
  insert("r1");
  using std::filesystem::perms;
  for (const char* name : {"jobs.db", "jobs.db-wal"})
    EXPECT_EQ(std::filesystem::status(folder_.path() / name).permissions(),
              perms::owner_read | perms::owner_write)
        << name;
}

TEST_F(SqliteFileTest, AnErrorThatIsNotTheDisksEndsOneWriteOnly) {
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
class Refused final : public sql::Operation {
 public:
  Refused(ErrorCode code, std::vector<ErrorCode>& answers) : code_(code), answers_(answers) {}
  Result<> apply(sql::Context&) override { return fail(code_, "so it is"); }
  void finish(Result<> committed) override { answers_.push_back(committed.error().code); }

 private:
  const ErrorCode code_;
  std::vector<ErrorCode>& answers_;
};

TEST_F(SqliteFileTest, DamageEndsItAsAFailedDiskDoes) {
  const auto database =
      sqlite::Database::open(folder_.path() / "other.db", sqlite::Database::Mode::read_write).value();
  for (const auto& [code, fatal] : {std::pair{ErrorCode::corrupted, true},
                                    {ErrorCode::disk_error, true},
                                    {ErrorCode::internal, false},
                                    {ErrorCode::conflict, false}}) {
    std::vector<ErrorCode> answers;
    sql::Lane::Batch batch;
    batch.push_back(std::make_unique<Refused>(ErrorCode::conflict, answers));
    batch.push_back(std::make_unique<Refused>(code, answers));
    sql::Group group(std::move(batch));
    const auto committed = group.run(*database);
    EXPECT_EQ(committed.has_value(), !fatal);
    EXPECT_FALSE(database->in_transaction());
    if (committed)
      group.finish();
    else
      group.fail(committed.error());
    EXPECT_THAT(answers, ElementsAre(fatal ? code : ErrorCode::conflict, code));
    EXPECT_EQ(sql::ends_it({code, ""}), fatal);
  }
  EXPECT_EQ(database->error_of(SQLITE_IOERR_FSYNC).code, ErrorCode::disk_error);
  EXPECT_EQ(database->error_of(SQLITE_CORRUPT_INDEX).code, ErrorCode::corrupted);
  EXPECT_EQ(database->error_of(SQLITE_NOMEM).code, ErrorCode::unavailable);
  EXPECT_EQ(database->error_of(SQLITE_MISUSE).code, ErrorCode::internal);
}

TEST_F(SqliteFileTest, AfterAFailedWriteNothingIsWrittenAnyMore) {
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

TEST_F(SqliteFileTest, AStoreOfTheFirstSchemaIsBroughtUpToDate) {
  insert("kept");
  store_.reset();
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open((folder_.path() / "jobs.db").c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(
          raw,
          "DROP INDEX jobs_by_end; DROP INDEX claims_by_end; DROP INDEX decisions_by_time; DROP TABLE "
          "discarded_letters; DROP INDEX jobs_by_tenant; ALTER TABLE orchestrator_jobs DROP COLUMN tenant; "
          "DROP INDEX jobs_untold; ALTER TABLE orchestrator_jobs DROP COLUMN webhook_url; "
          "ALTER TABLE orchestrator_jobs DROP COLUMN told_generation; "
          "PRAGMA user_version=1",
          nullptr, nullptr, nullptr),
      SQLITE_OK);
  sqlite3_close(raw);
  open();
  EXPECT_EQ(insert("new").job.request_id, "new");
  EXPECT_TRUE(await<Job>([&](auto done) { store_->find_job("job-kept", std::move(done)); }));
  EXPECT_TRUE(await<Pruned>([&](auto done) { store_->prune(clock_.wall_now(), 10, {}, std::move(done)); }));
}

TEST_F(SqliteFileTest, RefusesANewerSchemaAndAFileThatIsNoDatabase) {
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
