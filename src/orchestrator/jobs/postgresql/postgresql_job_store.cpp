#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/try.hpp"
#include "base/uuid.hpp"
#include "orchestrator/jobs/job_store.hpp"
#include "orchestrator/jobs/postgresql/connector.hpp"
#include "orchestrator/jobs/postgresql/migrations.hpp"
#include "orchestrator/jobs/sql/sql_job_store.hpp"

namespace geminga::orchestrator {
namespace {

using postgresql::Connector;
using postgresql::Database;

/// A database with two connections. While it is away, calls wait for `patience`; what was surely not written
/// is written again, and where that is not sure the database is asked.
class PostgresqlBackend final : public sql::Backend {
 public:
  PostgresqlBackend(const PostgresqlJobStoreOptions& options, std::string id,
                    std::unique_ptr<Database> writer, std::unique_ptr<Database> reader)
      : patience_(options.patience),
        name_(writer->name()),
        id_(std::move(id)),
        writer_(options.url, options.clock, id_),
        reader_(options.url, options.clock, id_) {
    writer_.adopt(std::move(writer));
    reader_.adopt(std::move(reader));
  }

  const std::string& id() const override { return id_; }
  std::string description() const override { return name_; }

  Result<> write(sql::Group& group) override {
    ++mark_.group;
    const auto deadline = std::chrono::steady_clock::now() + patience_;
    for (bool open = false;;) {  // open: the group may be committed
      // Then there is no deadline: whoever were told that it is not would be wrong.
      const auto connection = writer_.connection(open ? Connector::kNever : deadline);
      if (!connection) return std::unexpected(open ? never_known(connection.error()) : connection.error());
      auto& database = **connection;
      if (open) {
        const auto committed = was_committed(database);
        if (committed && *committed) return {};
        if (!committed && committed.error().code != ErrorCode::unavailable)
          return std::unexpected(committed.error());
        open = !committed;
      }
      if (!open) {
        database.set_mark(mark_);
        auto written = group.run(database);
        if (written || written.error().code != ErrorCode::unavailable) return written;
        open = database.commit_open();
        log::warn("jobs", "{}; {}", written.error().message,
                  open ? "asking whether the commit has happened" : "trying again");
        if (!open && std::chrono::steady_clock::now() >= deadline) return written;
      }
      writer_.drop();
    }
  }

  Result<> read(sql::Operation& operation) override {
    const auto deadline = std::chrono::steady_clock::now() + patience_;
    for (;;) {
      GEMINGA_TRY(auto* database, reader_.connection(deadline));
      std::vector<JobEvent> events;
      sql::Context context{*database, {}, events};
      auto result = operation.apply(context);
      if (!database->lost()) return result;
      reader_.drop();
      if (std::chrono::steady_clock::now() >= deadline) return result;
    }
  }

  void stop_waiting() override {
    writer_.stop_waiting();
    reader_.stop_waiting();
  }

 private:
  /// After a commit without an answer. The old transaction holds the store's lock until it has ended, so what
  /// is read behind that lock is final.
  Result<bool> was_committed(Database& database) const {
    GEMINGA_TRY_VOID(database.begin());
    bool committed = false;
    {
      GEMINGA_TRY(auto select, database.prepare("SELECT last_group FROM writers WHERE id = ?"));
      GEMINGA_TRY(const bool row, select.bind(mark_.writer).step());
      committed = row && select.integer(0) == mark_.group;
    }
    GEMINGA_TRY_VOID(database.execute("ROLLBACK"));
    return committed;
  }

  [[nodiscard]] Error never_known(const Error& error) const {
    return {ErrorCode::closed,
            fmt::format("the jobs store {} was stopped before it was known whether a commit had happened: {}",
                        name_, error.message)};
  }

  const std::chrono::milliseconds patience_;
  const std::string name_;
  const std::string id_;
  Connector writer_;                                      // the writing thread
  postgresql::Mark mark_{.writer = base::random_uuid()};  // the writing thread
  Connector reader_;                                      // the reading thread
};

}  // namespace

Result<std::unique_ptr<JobStore>> open_postgresql_job_store(PostgresqlJobStoreOptions options) {
  GEMINGA_TRY(auto writer, Database::connect(options.url, options.clock));
  GEMINGA_TRY(auto id, postgresql::migrate(*writer));
  GEMINGA_TRY(auto reader, Database::connect(options.url, options.clock));
  return sql::make_job_store(
      std::make_unique<PostgresqlBackend>(options, std::move(id), std::move(writer), std::move(reader)),
      std::move(options.on_disk_error));
}

}  // namespace geminga::orchestrator
