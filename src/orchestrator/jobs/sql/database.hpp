#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <geminga/types.hpp>

/// What the statements of the store need of a database; each kind of store brings its own.
namespace geminga::orchestrator::sql {

/// A statement that a database keeps prepared.
class KeptStatement {
 public:
  virtual ~KeptStatement() = default;
  /// Parameters are numbered from 1, columns from 0.
  virtual void bind(int number, std::int64_t value) = 0;
  virtual void bind(int number, std::string_view text) = 0;
  virtual void bind_no_text(int number) = 0;
  virtual Result<bool> step() = 0;
  [[nodiscard]] virtual std::int64_t integer(int column) const = 0;
  [[nodiscard]] virtual std::string text(int column) const = 0;
  [[nodiscard]] virtual bool null(int column) const = 0;
  /// Forgets parameters and rows.
  virtual void reset() = 0;
};

/// A prepared statement in use: bind in order, step, read columns. Goes back to its database, reset, when it
/// goes out of scope.
class Statement {
 public:
  explicit Statement(KeptStatement& kept) : kept_(&kept) {}
  ~Statement() {
    if (kept_ != nullptr) kept_->reset();
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement(Statement&& other) noexcept : kept_(std::exchange(other.kept_, nullptr)), next_(other.next_) {}

  Statement& bind(std::int64_t value) {
    kept_->bind(next_++, value);
    return *this;
  }
  Statement& bind(std::string_view text) {
    kept_->bind(next_++, text);
    return *this;
  }
  Statement& bind(const std::string& text) { return bind(std::string_view(text)); }
  Statement& bind(const std::optional<std::string>& text) {
    if (text) return bind(std::string_view(*text));
    kept_->bind_no_text(next_++);
    return *this;
  }
  Statement& bind(Timestamp time) { return bind(std::int64_t{time.time_since_epoch().count()}); }

  /// True: there is a row. Errors: disk_full, disk_error, corrupted, conflict (a constraint), unavailable
  /// (the database is gone or locked for too long, no memory), internal.
  Result<bool> step() { return kept_->step(); }
  /// For statements without rows.
  Result<> run() {
    auto row = step();
    if (!row) return std::unexpected(std::move(row).error());
    return {};
  }

  [[nodiscard]] std::int64_t integer(int column) const { return kept_->integer(column); }
  [[nodiscard]] std::string text(int column) const { return kept_->text(column); }
  [[nodiscard]] std::optional<std::string> optional_text(int column) const {
    if (null(column)) return std::nullopt;
    return text(column);
  }
  [[nodiscard]] Timestamp time(int column) const {
    return Timestamp{std::chrono::milliseconds{integer(column)}};
  }
  [[nodiscard]] bool null(int column) const { return kept_->null(column); }

 private:
  KeptStatement* kept_;
  int next_ = 1;
};

/// One connection, for one thread at a time. Statements are prepared once and kept.
class Database {
 public:
  virtual ~Database() = default;

  /// Parameters are `?` or `?1`, as SQLite writes them. `sql` must live for ever (a literal): its address is
  /// the key of the kept statement.
  virtual Result<Statement> prepare(const char* sql) = 0;
  /// One or more statements without rows.
  virtual Result<> execute(const std::string& sql) = 0;
  /// Rows that the last INSERT, UPDATE or DELETE changed.
  [[nodiscard]] virtual std::int64_t changes() const = 0;
  /// The time that all who use the same store agree on.
  virtual Result<Timestamp> now() = 0;

  /// Until commit() nobody else writes to the store. The time of everything that is written.
  virtual Result<Timestamp> begin() = 0;
  virtual Result<> commit() = 0;
  /// False as well when the connection is gone, and the transaction with it.
  [[nodiscard]] virtual bool in_transaction() const = 0;
};

}  // namespace geminga::orchestrator::sql
