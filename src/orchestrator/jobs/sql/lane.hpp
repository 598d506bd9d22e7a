#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "orchestrator/jobs/job_store.hpp"
#include "orchestrator/jobs/sql/database.hpp"

namespace geminga::orchestrator::sql {

/// What an operation works on.
struct Context {
  Database& database;
  Timestamp now;                  ///< of the group; reads have none and ask the database
  std::vector<JobEvent>& events;  ///< appended ones; told to the listener once they are committed
};

/// One call of the store on its way: apply() inside the transaction, then finish() with how that ended. A
/// group whose connection broke is applied again from its beginning.
class Operation {
 public:
  virtual ~Operation() = default;
  virtual Result<> apply(Context& context) = 0;
  virtual void finish(Result<> committed) = 0;
};

template <class T>
class TypedOperation final : public Operation {
 public:
  using Work = std::move_only_function<Result<T>(Context&)>;
  TypedOperation(Work work, StoreCallback<T> done) : work_(std::move(work)), done_(std::move(done)) {}

  Result<> apply(Context& context) override {
    auto result = work_(context);
    if (!result) return std::unexpected(std::move(result).error());
    if constexpr (!std::is_void_v<T>) value_ = *std::move(result);
    return {};
  }
  void finish(Result<> committed) override {
    auto done = std::move(done_);
    if (!committed) return done(std::unexpected(std::move(committed).error()));
    if constexpr (std::is_void_v<T>)
      done({});
    else
      done(std::move(*value_));
  }

 private:
  using Value = std::conditional_t<std::is_void_v<T>, bool, T>;
  Work work_;
  StoreCallback<T> done_;
  std::optional<Value> value_;
};

/// Whether somebody waits for an operation.
enum class Haste : std::uint8_t {
  none,  ///< goes along with the next one that has haste, or after a while
  some,
};

/// A thread that takes everything that waits at once and hands it on as one batch.
class Lane {
 public:
  using Batch = std::vector<std::unique_ptr<Operation>>;
  /// A commit keeps whoever has haste waiting, so what has none waits so long for company.
  static constexpr std::chrono::milliseconds kWaitForCompany{5};
  Lane(std::string thread_name, std::function<void(Batch)> run,
       std::chrono::milliseconds wait_for_company = kWaitForCompany);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Any thread. After stop() the operation is finished with `closed` on the caller's thread.
  void submit(std::unique_ptr<Operation> operation, Haste haste = Haste::some);
  /// Runs what waits, then joins. Idempotent; not from the lane's own thread.
  void stop();

 private:
  void loop();
  const std::function<void(Batch)> run_;
  const std::chrono::milliseconds wait_for_company_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Batch waiting_;         // under mutex_
  bool haste_ = false;    // under mutex_; one of `waiting_` has
  bool stopped_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace geminga::orchestrator::sql
