#include "orchestrator/jobs/postgresql/database.hpp"

#include <charconv>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/try.hpp"
#include "orchestrator/jobs/postgresql/statement.hpp"

namespace geminga::orchestrator::postgresql {
namespace {

/// In the time of the server, so that the clocks of those who share the store need not agree.
#define GEMINGA_SERVER_TIME "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

std::int64_t number(const char* text) {
  std::int64_t value = 0;
  std::from_chars(text, text + std::strlen(text), value);
  return value;
}

void log_notice(void* library, const PGresult* notice) {
  const char* text = static_cast<const Libpq*>(library)->PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
  log::debug("jobs", "PostgreSQL says: {}", text == nullptr ? "" : text);
}

/// Without its password.
std::string name_of(const Libpq& library, PGconn* connection) {
  std::string user;
  std::string host;
  std::string port;
  std::string database;
  PQconninfoOption* const options = library.PQconninfo(connection);
  for (const auto* option = options; option != nullptr && option->keyword != nullptr; ++option) {
    const std::string_view keyword = option->keyword;
    const std::string value = option->val == nullptr ? "" : option->val;
    if (keyword == "user") user = value;
    if (keyword == "host") host = value;
    if (keyword == "port") port = value;
    if (keyword == "dbname") database = value;
  }
  library.PQconninfoFree(options);
  return fmt::format("postgresql://{}@{}:{}/{}", user, host.empty() ? "localhost" : host, port, database);
}

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

ErrorCode code_of_sqlstate(std::string_view state) {
  const auto kind = state.substr(0, 2);
  if (state == "53100") return ErrorCode::disk_full;
  if (state == "58030") return ErrorCode::disk_error;
  if (kind == "XX" && state != "XX000") return ErrorCode::corrupted;
  if (kind == "23") return ErrorCode::conflict;
  if (kind == "28" || kind == "3D" || kind == "3F" || state == "42501") return ErrorCode::config_error;
  // Lost connections, serialisation and deadlocks, read-only after a failover, resources, locks, shutdowns.
  for (const std::string_view again : {"08", "25", "40", "53", "55", "57"})
    if (kind == again) return ErrorCode::unavailable;
  return ErrorCode::internal;
}

Database::Database(const Libpq* library, PGconn* connection, base::Clock* clock)
    : library_(library),
      connection_(connection, FinishConnection{library}),
      clock_(clock),
      name_(name_of(*library, connection)) {}

Result<std::unique_ptr<Database>> Database::connect(const std::string& url, base::Clock* clock) {
  GEMINGA_TRY(const auto* library, load_libpq());
  // What stands before dbname is a default that the URL may change, what stands behind it is not.
  const char* const keywords[] = {"fallback_application_name", "connect_timeout",
                                  "target_session_attrs",      "keepalives_idle",
                                  "keepalives_interval",       "keepalives_count",
                                  "tcp_user_timeout",          "dbname",
                                  "client_encoding",           nullptr};
  const char* const values[] = {"geminga", "5",     "read-write", "5",    "2",
                                "3",       "10000", url.c_str(),  "UTF8", nullptr};
  auto* connection = library->PQconnectdbParams(keywords, values, 1);
  if (connection == nullptr) return fail(ErrorCode::unavailable, "there is no memory for a connection");
  std::unique_ptr<Database> database(new Database(library, connection, clock));
  library->PQsetNoticeReceiver(connection, log_notice, const_cast<Libpq*>(library));
  if (library->PQstatus(connection) != CONNECTION_OK)
    return fail(
        ErrorCode::unavailable,
        fmt::format("PostgreSQL cannot be reached as {}: {}; start the server, or correct the database "
                    "URL",
                    database->name_, first_line(library->PQerrorMessage(connection))));
  GEMINGA_TRY_VOID(database->prepare_session());
  GEMINGA_TRY_VOID(database->check_server());
  return database;
}

Result<> Database::prepare_session() {
  // A process that stands still in the middle of a group must not hold up the others for longer.
  GEMINGA_TRY_VOID(
      execute("SET search_path TO geminga; SET standard_conforming_strings TO on; SET lock_timeout TO '5s'; "
              "SET idle_in_transaction_session_timeout TO '10s'"));
  // A stronger setting than ours stays.
  GEMINGA_TRY(const auto strength,
              take(library_->PQexec(handle(),
                                    "SELECT set_config('synchronous_commit', 'on', false) WHERE "
                                    "current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')")));
  return {};
}

Result<> Database::check_server() {
  GEMINGA_TRY(const auto settings,
              take(library_->PQexec(handle(),
                                    "SELECT current_setting('server_encoding'), current_setting('fsync')")));
  const std::string_view encoding = library_->PQgetvalue(settings.get(), 0, 0);
  if (encoding != "UTF8")
    return fail(
        ErrorCode::config_error,
        fmt::format("the database {} has the encoding {}, which cannot hold every text; make one with "
                    "ENCODING 'UTF8'",
                    name_, encoding));
  if (std::string_view(library_->PQgetvalue(settings.get(), 0, 1)) == "off")
    log::warn("jobs", "{} runs with fsync = off: a power cut may take jobs that were accepted", name_);
  return {};
}

Result<sql::Statement> Database::prepare(const char* sql) {
  auto& kept = statements_[sql];
  if (!kept) kept = std::make_unique<Prepared>(*this, fmt::format("s{}", statements_.size()), sql, changes_);
  return sql::Statement(*kept);
}

Result<> Database::execute(const std::string& sql) {
  GEMINGA_TRY([[maybe_unused]] const auto result, take(library_->PQexec(handle(), sql.c_str())));
  return {};
}

Result<ResultPointer> Database::take(PGresult* raw) {
  ResultPointer result(raw, ClearResult{library_});
  const auto status = library_->PQresultStatus(raw);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return result;
  return std::unexpected(error_of(raw));
}

Error Database::error_of(const PGresult* result) const {
  const char* state = library_->PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* primary = library_->PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const auto code = lost() || state == nullptr ? ErrorCode::unavailable : code_of_sqlstate(state);
  std::string_view remedy;
  if (code == ErrorCode::disk_full) remedy = "; free some space there";
  if (code == ErrorCode::corrupted) remedy = "; restore the database from a copy";
  return {code, fmt::format("jobs store {}: {} (SQLSTATE {}){}", name_,
                            first_line(primary == nullptr ? library_->PQerrorMessage(handle()) : primary),
                            state == nullptr ? "none" : state, remedy)};
}

Result<Timestamp> Database::now() {
  if (clock_ != nullptr) return clock_->wall_now();
  GEMINGA_TRY(const auto row, take(library_->PQexec(handle(), "SELECT " GEMINGA_SERVER_TIME)));
  return Timestamp{std::chrono::milliseconds{number(library_->PQgetvalue(row.get(), 0, 0))}};
}

Result<Timestamp> Database::begin() {
  commit_open_ = false;
  // The lock of the one row lets one group write at a time, as SQLite does, whatever process it is of: locks
  // of single rows would be taken in the order of arrival, and two groups could wait for each other. The last
  // statement begins when the lock is held, and with it the time of the group.
  GEMINGA_TRY(const auto row,
              take(library_->PQexec(handle(),
                                    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT FROM "
                                    "store_identity FOR UPDATE; SELECT id, " GEMINGA_SERVER_TIME
                                    " FROM store_identity")));
  if (library_->PQntuples(row.get()) != 1 || library_->PQgetvalue(row.get(), 0, 0) != store_id_)
    return fail(ErrorCode::corrupted,
                fmt::format("the database {} holds another jobs store than at the start; start again when it "
                            "is the right one",
                            name_));
  if (clock_ != nullptr) return clock_->wall_now();
  return Timestamp{std::chrono::milliseconds{number(library_->PQgetvalue(row.get(), 0, 1))}};
}

Result<> Database::commit() {
  const auto sql = fmt::format(
      "INSERT INTO writers (id, last_group, at) VALUES ('{}', {}, " GEMINGA_SERVER_TIME
      ") ON CONFLICT (id) DO UPDATE SET last_group = excluded.last_group, at = excluded.at; COMMIT",
      mark_.writer, mark_.group);
  commit_open_ = true;
  auto committed = take(library_->PQexec(handle(), sql.c_str()));
  if (!committed) {
    commit_open_ = lost();
    return std::unexpected(std::move(committed).error());
  }
  commit_open_ = false;
  // A transaction that has failed before answers COMMIT with ROLLBACK, and without an error.
  if (std::string_view(library_->PQcmdStatus(committed->get())) == "COMMIT") return {};
  return fail(ErrorCode::internal, fmt::format("jobs store {}: the commit became a rollback", name_));
}

bool Database::in_transaction() const {
  const auto status = library_->PQtransactionStatus(handle());
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE;
}

bool Database::lost() const {
  return library_->PQstatus(handle()) != CONNECTION_OK;
}

}  // namespace geminga::orchestrator::postgresql
