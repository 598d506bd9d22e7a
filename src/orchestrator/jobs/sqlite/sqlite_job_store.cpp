#include <fmt/format.h>

#include "base/forget_cached.hpp"
#include "base/try.hpp"
#include "orchestrator/jobs/job_store.hpp"
#include "orchestrator/jobs/sql/sql_job_store.hpp"
#include "orchestrator/jobs/sqlite/database.hpp"
#include "orchestrator/jobs/sqlite/migrations.hpp"

namespace geminga::orchestrator {
namespace {

using sqlite::Database;

/// A file with two connections. What fails is known to have failed: nothing is tried again.
class SqliteBackend final : public sql::Backend {
 public:
  SqliteBackend(std::filesystem::path file, std::string id, std::unique_ptr<Database> writer,
                std::unique_ptr<Database> reader)
      : file_(std::move(file)), id_(std::move(id)), writer_(std::move(writer)), reader_(std::move(reader)) {}

  const std::string& id() const override { return id_; }
  std::string description() const override { return fmt::format("sqlite:{}", file_.string()); }

  Result<> write(sql::Group& group) override { return group.run(*writer_); }
  Result<> read(sql::Operation& operation) override {
    std::vector<JobEvent> events;
    sql::Context context{*reader_, {}, events};
    return operation.apply(context);
  }
  void stop_waiting() override {}

 private:
  const std::filesystem::path file_;
  const std::string id_;
  const std::unique_ptr<Database> writer_;  // the writing thread
  const std::unique_ptr<Database> reader_;  // the reading thread
};

}  // namespace

Result<std::unique_ptr<JobStore>> open_sqlite_job_store(SqliteJobStoreOptions options) {
  if (options.file.empty()) return fail(ErrorCode::invalid_argument, "the jobs store needs a file name");
  auto& clock = options.clock != nullptr ? *options.clock : base::Clock::system();
  GEMINGA_TRY_VOID(base::forget_cached_database(base::FileSystem::system(), options.file));
  GEMINGA_TRY(auto writer, Database::open(options.file, Database::Mode::read_write, clock));
  GEMINGA_TRY_VOID(sqlite::migrate(*writer));
  GEMINGA_TRY(auto id, sqlite::store_id(*writer));
  GEMINGA_TRY(auto reader, Database::open(options.file, Database::Mode::read_only, clock));
  return sql::make_job_store(
      std::make_unique<SqliteBackend>(options.file, std::move(id), std::move(writer), std::move(reader)),
      std::move(options.on_disk_error));
}

}  // namespace geminga::orchestrator
