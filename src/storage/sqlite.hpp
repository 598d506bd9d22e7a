#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <geminga/error.hpp>

struct sqlite3;
struct sqlite3_stmt;

namespace geminga::storage {

/// A prepared statement under way. Columns are read after step() said true.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  ~Statement();
  Statement(Statement&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  Statement& operator=(Statement&&) = delete;

  Statement& bind(int parameter, std::uint64_t value);
  Statement& bind(int parameter, std::string_view value);
  /// What is no text: zeros are bytes like others. Read with text().
  Statement& bind_bytes(int parameter, std::string_view value);
  Statement& bind_null(int parameter);
  /// True: a row is there. False: done. Errors: as sqlite_error().
  Result<bool> step();
  [[nodiscard]] std::uint64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// A connection to an SQLite file in WAL mode with synchronous=FULL: a commit is on the disk when it returns.
/// One thread at a time.
class Sqlite {
 public:
  /// Errors: not_found, corrupted, disk_full, disk_error.
  static Result<std::unique_ptr<Sqlite>> open(const std::filesystem::path& file, bool may_create);
  ~Sqlite();
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  Result<> run(const char* sql);
  Result<Statement> prepare(std::string_view sql);
  /// Everything, as of now, in place of what `other` holds.
  Result<> copy_to(Sqlite& other);
  /// Rows that the last statement changed.
  [[nodiscard]] int changes() const;
  /// Rows that were changed since it was opened.
  [[nodiscard]] std::int64_t total_changes() const;
  [[nodiscard]] bool in_transaction() const;
  /// Of the last call that failed.
  [[nodiscard]] Error last_error() const;
  [[nodiscard]] std::uint64_t last_row_id() const;

 private:
  Sqlite(sqlite3* connection, std::filesystem::path file);
  sqlite3* connection_;
  std::filesystem::path file_;
};

/// Copies a database, also while another process writes to it: what was committed when the call began is in
/// the copy. Errors: not_found, corrupted, directory_locked, disk_full, disk_error.
Result<> copy_sqlite(const std::filesystem::path& from, const std::filesystem::path& to);

/// What the last call on the connection said, as our error: not only "constraint" becomes already_exists.
Error sqlite_error(sqlite3* connection);

}  // namespace geminga::storage
