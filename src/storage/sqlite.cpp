#include "storage/sqlite.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/assert.hpp"
#include "base/careful_sqlite.hpp"
#include "base/try.hpp"

namespace geminga::storage {
namespace {

constexpr int kBusyTimeoutMs = 5'000;
constexpr int kCopyAttempts = 10;

ErrorCode code_of(int sqlite) {
  switch (sqlite & 0xff) {
    case SQLITE_CONSTRAINT:
      return ErrorCode::already_exists;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::corrupted;
    case SQLITE_FULL:
      return ErrorCode::disk_full;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::directory_locked;
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return ErrorCode::disk_error;
    case SQLITE_NOMEM:
      return ErrorCode::unavailable;
    default:
      return ErrorCode::internal;
  }
}

}  // namespace

Error sqlite_error(sqlite3* connection) {
  const char* name = sqlite3_db_filename(connection, nullptr);
  return {code_of(sqlite3_extended_errcode(connection)),
          fmt::format("'{}': {}", name == nullptr ? "" : name, sqlite3_errmsg(connection))};
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

Statement& Statement::bind(int parameter, std::uint64_t value) {
  GEMINGA_ASSERT(sqlite3_bind_int64(statement_, parameter, static_cast<sqlite3_int64>(value)) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view value) {
  GEMINGA_ASSERT(sqlite3_bind_text(statement_, parameter, value.data(), static_cast<int>(value.size()),
                                   SQLITE_TRANSIENT) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_bytes(int parameter, std::string_view value) {
  const char* const data = value.empty() ? "" : value.data();  // null would be NULL
  GEMINGA_ASSERT(sqlite3_bind_blob(statement_, parameter, data, static_cast<int>(value.size()),
                                   SQLITE_TRANSIENT) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_null(int parameter) {
  GEMINGA_ASSERT(sqlite3_bind_null(statement_, parameter) == SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return std::unexpected(sqlite_error(sqlite3_db_handle(statement_)));
}

std::uint64_t Statement::integer(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column));
}

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text == nullptr
             ? std::string()
             : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Sqlite::Sqlite(sqlite3* connection, std::filesystem::path file)
    : connection_(connection), file_(std::move(file)) {}

Sqlite::~Sqlite() {
  sqlite3_close(connection_);
}

Result<std::unique_ptr<Sqlite>> Sqlite::open(const std::filesystem::path& file, bool may_create) {
  if (!may_create && !std::filesystem::exists(file))
    return fail(ErrorCode::not_found,
                fmt::format("'{}' does not exist; restore it from a backup", file.string()));
  sqlite3* connection = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_URI |
                    (may_create ? SQLITE_OPEN_CREATE : 0);
  const int result = sqlite3_open_v2(base::careful_sqlite_uri(file).c_str(), &connection, flags, nullptr);
  std::unique_ptr<Sqlite> opened(new Sqlite(connection, file));
  if (result != SQLITE_OK)
    return fail(code_of(result), fmt::format("open '{}': {}", file.string(), sqlite3_errstr(result)));
  // The log of SQLite takes the mode of its database.
  std::error_code ignored;  // somebody else's file in a directory of ours: then it stays as it is
  std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write,
                               ignored);
  sqlite3_busy_timeout(connection, kBusyTimeoutMs);
  base::checkpoint_carefully(connection);
  GEMINGA_TRY_VOID(opened->run("PRAGMA journal_mode=WAL"));
  GEMINGA_TRY_VOID(opened->run("PRAGMA synchronous=FULL"));
  GEMINGA_TRY_VOID(opened->run("PRAGMA foreign_keys=ON"));
  // No commit may fail because there is no descriptor or no space for a file that nobody keeps.
  GEMINGA_TRY_VOID(opened->run("PRAGMA temp_store=MEMORY"));
  return opened;
}

Result<> Sqlite::copy_to(Sqlite& other) {
  sqlite3_backup* copy = sqlite3_backup_init(other.connection_, "main", connection_, "main");
  if (copy == nullptr) return std::unexpected(sqlite_error(other.connection_));
  int result = SQLITE_OK;
  // Both ends wait for locks by themselves; what is left are changes of the schema meanwhile.
  for (int attempt = 0; attempt < kCopyAttempts && result != SQLITE_DONE; ++attempt) {
    result = sqlite3_backup_step(copy, -1);
    if (result != SQLITE_DONE && code_of(result) != ErrorCode::directory_locked) break;
  }
  const int finished = sqlite3_backup_finish(copy);
  if (result == SQLITE_DONE && finished == SQLITE_OK) return {};
  return fail(code_of(finished != SQLITE_OK ? finished : result),
              fmt::format("copy '{}' to '{}': {}", file_.string(), other.file_.string(),
                          sqlite3_errstr(finished != SQLITE_OK ? finished : result)));
}

Result<> copy_sqlite(const std::filesystem::path& from, const std::filesystem::path& to) {
  GEMINGA_TRY(const auto source, Sqlite::open(from, false));
  GEMINGA_TRY(const auto target, Sqlite::open(to, true));
  return source->copy_to(*target);
}

Result<> Sqlite::run(const char* sql) {
  if (sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return std::unexpected(sqlite_error(connection_));
}

Result<Statement> Sqlite::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(connection_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr) !=
      SQLITE_OK)
    return std::unexpected(sqlite_error(connection_));
  return Statement(statement);
}

bool Sqlite::in_transaction() const {
  return sqlite3_get_autocommit(connection_) == 0;
}

Error Sqlite::last_error() const {
  return sqlite_error(connection_);
}

int Sqlite::changes() const {
  return sqlite3_changes(connection_);
}

std::int64_t Sqlite::total_changes() const {
  return sqlite3_total_changes64(connection_);
}

std::uint64_t Sqlite::last_row_id() const {
  return static_cast<std::uint64_t>(sqlite3_last_insert_rowid(connection_));
}

}  // namespace geminga::storage
