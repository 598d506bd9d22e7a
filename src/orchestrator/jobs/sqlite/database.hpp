#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <geminga/types.hpp>

struct sqlite3;
struct sqlite3_stmt;

namespace geminga::orchestrator::sqlite {

struct CloseDatabase {
  void operator()(sqlite3* handle) const;
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const;
};

class Database;

/// A prepared statement in use: bind in order, step, read columns. Goes back to its database, reset, when it
/// goes out of scope.
class Statement {
 public:
  Statement(Database& database, sqlite3_stmt* handle) : database_(&database), handle_(handle) {}
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement(Statement&& other) noexcept
      : database_(other.database_), handle_(std::exchange(other.handle_, nullptr)), next_(other.next_) {}

  Statement& bind(std::int64_t value);
  Statement& bind(std::string_view text);
  Statement& bind(const std::string& text) { return bind(std::string_view(text)); }
  Statement& bind(const std::optional<std::string>& text);
  Statement& bind(Timestamp time) { return bind(std::int64_t{time.time_since_epoch().count()}); }
  Statement& bind_null();

  /// True: there is a row. Errors: disk_full, disk_error, corrupted, conflict (a constraint), unavailable
  /// (locked by another process for too long, no memory), internal.
  Result<bool> step();
  /// For statements without rows.
  Result<> run();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::optional<std::string> optional_text(int column) const;
  [[nodiscard]] Timestamp time(int column) const {
    return Timestamp{std::chrono::milliseconds{integer(column)}};
  }
  [[nodiscard]] bool null(int column) const;

 private:
  Database* database_;
  sqlite3_stmt* handle_;
  int next_ = 1;
};

/// One connection, for one thread at a time. Statements are prepared once and kept.
class Database {
 public:
  enum class Mode : std::uint8_t { read_write, read_only };
  /// WAL, synchronous=FULL. Errors: disk_error (also: the folder is missing), corrupted.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file, Mode mode);

  /// `sql` must live for ever (a literal): its address is the key of the kept statement.
  Result<Statement> prepare(const char* sql);
  /// One or more statements without rows.
  Result<> execute(const std::string& sql);
  /// Rows that the last statement changed.
  [[nodiscard]] std::int64_t changes() const;
  [[nodiscard]] bool in_transaction() const;
  [[nodiscard]] Error error_of(int code) const;

 private:
  Database(std::unique_ptr<sqlite3, CloseDatabase> handle, std::string name);
  std::string name_;
  std::unique_ptr<sqlite3, CloseDatabase> handle_;
  std::map<const char*, std::unique_ptr<sqlite3_stmt, FinalizeStatement>> statements_;
};

}  // namespace geminga::orchestrator::sqlite
