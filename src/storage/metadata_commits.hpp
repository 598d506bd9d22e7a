#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <geminga/error.hpp>

#include "base/try.hpp"
#include "storage/sqlite.hpp"

namespace geminga::storage {

/// The thread that changes the metadata: what waits goes into one commit, and is answered after it. A change
/// that is refused leaves the others of its commit alone; where there is no commit, all of it gets the error.
class MetadataCommits {
 public:
  template <class T>
  using Done = std::move_only_function<void(Result<T>)>;
  template <class T>
  using Change = std::move_only_function<Result<T>(Sqlite&)>;

  /// `sequence`: of the last commit. Errors: unavailable (no thread can be had).
  static Result<std::unique_ptr<MetadataCommits>> start(std::unique_ptr<Sqlite> database,
                                                        std::uint64_t sequence);
  ~MetadataCommits();

  /// Queues a change; `done` gets its result after the commit. Errors: closed, what the commit failed with.
  template <class T>
  void write(Change<T> change, Done<T> done) {
    submit([change = std::move(change), done = std::move(done)](Sqlite* database,
                                                                const Error* failure) mutable -> Answer {
      if (database == nullptr) {
        if (done) done(std::unexpected(*failure));
        return {};
      }
      Result<T> result = in_savepoint<T>(*database, change);
      return [result = std::move(result), done = std::move(done)](const Error* failed_commit) mutable {
        if (failed_commit != nullptr) result = std::unexpected(*failed_commit);
        if (done) done(std::move(result));
      };
    });
  }
  /// Asks on the caller's thread.
  template <class T>
  Result<T> read(Result<T> (*ask)(Sqlite&)) {
    const std::lock_guard lock(database_mutex_);
    return ask(*database_);
  }
  /// Runs a query on the caller's thread.
  template <class T>
  Result<std::vector<T>> select(const char* sql, T (*row_of)(const Statement&)) {
    const std::lock_guard lock(database_mutex_);
    GEMINGA_TRY(auto statement, database_->prepare(sql));
    std::vector<T> rows;
    for (;;) {
      GEMINGA_TRY(const bool more, statement.step());
      if (!more) return rows;
      rows.push_back(row_of(statement));
    }
  }

  // See MetadataStore.
  void on_commit(std::function<void(std::uint64_t)> hook);
  void on_disk_error(std::function<void(const Error&)> hook);
  Result<> close();

 private:
  MetadataCommits(std::unique_ptr<Sqlite> database, std::uint64_t sequence)
      : database_(std::move(database)), sequence_(sequence) {}
  using Answer = std::move_only_function<void(const Error* failed_commit)>;
  /// With a database: makes the change and returns what to call after the commit. Without: answers the error.
  using Work = std::move_only_function<Answer(Sqlite* database, const Error* failure)>;

  template <class T>
  static Result<T> in_savepoint(Sqlite& database, Change<T>& change) {
    GEMINGA_TRY_VOID(database.run("SAVEPOINT change"));
    Result<T> result = change(database);
    if (!result && !database.in_transaction()) return result;  // its savepoint has gone, too
    if (!result) GEMINGA_TRY_VOID(database.run("ROLLBACK TO change"));
    GEMINGA_TRY_VOID(database.run("RELEASE change"));
    return result;
  }

  void submit(Work work);
  void run();
  void commit(std::vector<Work>& batch);
  /// False: nothing was to be changed, so nothing was written.
  Result<bool> change_all(std::vector<Work>& batch, std::vector<Answer>& answers);
  void committed_one();

  std::mutex database_mutex_;  // guards the connection
  std::unique_ptr<Sqlite> database_;

  std::optional<Error> failure_;  // metadata thread
  std::uint64_t sequence_;        // metadata thread; of the last commit

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::vector<Work> waiting_;
  std::function<void(std::uint64_t)> on_commit_;
  std::function<void(const Error&)> on_disk_error_;
  bool closing_ = false;

  std::mutex close_mutex_;
  std::thread thread_;
};

}  // namespace geminga::storage
