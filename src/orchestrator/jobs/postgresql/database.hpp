#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "orchestrator/jobs/postgresql/libpq.hpp"
#include "orchestrator/jobs/sql/database.hpp"

namespace geminga::orchestrator::postgresql {

struct FinishConnection {
  const Libpq* library;
  void operator()(PGconn* connection) const { library->PQfinish(connection); }
};
struct ClearResult {
  const Libpq* library;
  void operator()(PGresult* result) const { library->PQclear(result); }
};
using ResultPointer = std::unique_ptr<PGresult, ClearResult>;

/// Which group of whose is committed: written in its transaction, read back when a connection broke before
/// the server's answer to COMMIT.
struct Mark {
  std::string writer;  ///< a UUID
  std::int64_t group = 0;
};

/// One connection. Once it is lost it stays so; whoever wants to go on makes another.
class Database final : public sql::Database {
 public:
  /// Commits are durable on the server, whatever its default is. `clock`: in place of the server's, for
  /// tests. Errors: config_error (the URL, the library, rights, a database that cannot hold every text),
  /// unavailable (nobody answers there, or not for us now).
  static Result<std::unique_ptr<Database>> connect(const std::string& url, base::Clock* clock);

  Result<sql::Statement> prepare(const char* sql) override;
  Result<> execute(const std::string& sql) override;
  [[nodiscard]] std::int64_t changes() const override { return changes_; }
  Result<Timestamp> now() override;
  /// Waits for the group of another process, 5 s at most. Errors: also unavailable for that; corrupted (it is
  /// another store now).
  Result<Timestamp> begin() override;
  Result<> commit() override;
  [[nodiscard]] bool in_transaction() const override;

  /// The store that begin() has to find.
  void expect_store(std::string id) { store_id_ = std::move(id); }
  /// What commit() leaves behind in the same transaction.
  void set_mark(Mark mark) { mark_ = std::move(mark); }
  [[nodiscard]] bool lost() const;
  /// commit() was sent and its answer has not come.
  [[nodiscard]] bool commit_open() const { return commit_open_; }
  /// "postgresql://user@host:5432/database"
  [[nodiscard]] const std::string& name() const { return name_; }

  /// For the statements: runs `send` and gives its rows.
  Result<ResultPointer> take(PGresult* raw);
  [[nodiscard]] PGconn* handle() const { return connection_.get(); }
  [[nodiscard]] const Libpq& library() const { return *library_; }

 private:
  Database(const Libpq* library, PGconn* connection, base::Clock* clock);
  Result<> prepare_session();
  Result<> check_server();
  [[nodiscard]] Error error_of(const PGresult* result) const;

  const Libpq* library_;
  std::unique_ptr<PGconn, FinishConnection> connection_;
  base::Clock* const clock_;
  std::string name_;
  std::string store_id_;
  Mark mark_;
  std::int64_t changes_ = 0;
  bool commit_open_ = false;
  std::map<const char*, std::unique_ptr<sql::KeptStatement>> statements_;
};

/// What an error with this SQLSTATE means for the store.
ErrorCode code_of_sqlstate(std::string_view state);
/// `?` and `?2` as `$1` and `$2`.
std::string numbered_parameters(std::string_view sql);
/// PostgreSQL keeps neither NUL nor anything that is not UTF-8: these become U+FFFD.
std::string storable(std::string_view text);

}  // namespace geminga::orchestrator::postgresql
