#include "orchestrator/jobs/sqlite/database.hpp"

#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/assert.hpp"
#include "base/careful_sqlite.hpp"
#include "base/try.hpp"

namespace geminga::orchestrator::sqlite {

namespace {

constexpr int kCheckpointPages = 4'000;

class PreparedStatement final : public sql::KeptStatement {
 public:
  PreparedStatement(Database& database, sqlite3_stmt* handle) : database_(database), handle_(handle) {}
  ~PreparedStatement() override { sqlite3_finalize(handle_); }
  PreparedStatement(const PreparedStatement&) = delete;
  PreparedStatement& operator=(const PreparedStatement&) = delete;

  void bind(int number, std::int64_t value) override {
    const int code = sqlite3_bind_int64(handle_, number, value);
    GEMINGA_ASSERT(code == SQLITE_OK);
  }
  void bind(int number, std::string_view text) override {
    // A null pointer would bind NULL; an empty text is a value of its own.
    const char* data = text.data() == nullptr ? "" : text.data();
    const int code = sqlite3_bind_text64(handle_, number, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    GEMINGA_ASSERT(code == SQLITE_OK);
  }
  void bind_no_text(int number) override {
    const int code = sqlite3_bind_null(handle_, number);
    GEMINGA_ASSERT(code == SQLITE_OK);
  }
  Result<bool> step() override {
    const int code = sqlite3_step(handle_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return std::unexpected(database_.error_of(code));
  }
  std::int64_t integer(int column) const override { return sqlite3_column_int64(handle_, column); }
  std::string text(int column) const override {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
    if (data == nullptr) return {};
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
  }
  bool null(int column) const override { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }
  void reset() override {
    sqlite3_reset(handle_);
    sqlite3_clear_bindings(handle_);
  }

 private:
  Database& database_;
  sqlite3_stmt* handle_;
};

}  // namespace

void CloseDatabase::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

Database::Database(std::unique_ptr<sqlite3, CloseDatabase> handle, std::string name, base::Clock& clock)
    : name_(std::move(name)), clock_(clock), handle_(std::move(handle)) {}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file, Mode mode,
                                                 base::Clock& clock) {
  const int flags =
      mode == Mode::read_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(base::careful_sqlite_uri(file).c_str(), &raw,
                                   flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, nullptr);
  std::unique_ptr<Database> database(
      new Database(std::unique_ptr<sqlite3, CloseDatabase>(raw), file.string(), clock));
  if (code != SQLITE_OK) return std::unexpected(database->error_of(code));
  base::checkpoint_carefully<kCheckpointPages>(raw);
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, 10'000);
  // A file that is no database shows itself at the first statement.
  if (mode == Mode::read_write) {
    // It holds what users said. The log of SQLite takes the mode of its database.
    std::error_code ignored;  // somebody else's file in a directory of ours: then it stays as it is
    std::filesystem::permissions(
        file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, ignored);
    GEMINGA_TRY_VOID(database->execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"));
    // No commit may fail because there is no descriptor or no space for a file that nobody keeps.
    GEMINGA_TRY_VOID(database->execute("PRAGMA temp_store=MEMORY"));
  }
  return database;
}

Result<sql::Statement> Database::prepare(const char* sql) {
  auto& kept = statements_[sql];
  if (!kept) {
    sqlite3_stmt* raw = nullptr;
    const int code = sqlite3_prepare_v3(handle_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    if (code != SQLITE_OK) return std::unexpected(error_of(code));
    kept = std::make_unique<PreparedStatement>(*this, raw);
  }
  return sql::Statement(*kept);
}

Result<> Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return std::unexpected(error_of(code));
  return {};
}

Result<Timestamp> Database::begin() {
  GEMINGA_TRY(auto begin, prepare("BEGIN IMMEDIATE"));
  GEMINGA_TRY_VOID(begin.run());
  return clock_.wall_now();
}

Result<> Database::commit() {
  GEMINGA_TRY(auto commit, prepare("COMMIT"));
  return commit.run();
}

std::int64_t Database::changes() const {
  return sqlite3_changes64(handle_.get());
}
bool Database::in_transaction() const {
  return sqlite3_get_autocommit(handle_.get()) == 0;
}

Error Database::error_of(int code) const {
  const char* reason = handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code);
  const auto text = [&](std::string_view remedy) {
    return fmt::format("jobs store {}: {} (SQLite code {}){}", name_, reason, code, remedy);
  };
  switch (code & 0xff) {
    case SQLITE_FULL:
      return {ErrorCode::disk_full, text("; free some space")};
    case SQLITE_CONSTRAINT:
      return {ErrorCode::conflict, text("")};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorCode::unavailable, text("; another process holds the file")};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {ErrorCode::corrupted, text("; restore it from a copy, or move it away")};
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return {ErrorCode::disk_error, text("; check that its folder exists and is writable")};
    case SQLITE_IOERR:
      return {ErrorCode::disk_error, text("")};
    case SQLITE_NOMEM:
      return {ErrorCode::unavailable, text("; there is too little memory")};
    default:  // a fault of our own: the disk is as good as before
      return {ErrorCode::internal, text("")};
  }
}

}  // namespace geminga::orchestrator::sqlite
