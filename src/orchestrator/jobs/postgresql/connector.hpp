#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "orchestrator/jobs/postgresql/database.hpp"

namespace geminga::orchestrator::postgresql {

/// Keeps one connection to the store and makes another when it is lost. One thread; stop_waiting() any.
class Connector {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  static constexpr Deadline kNever = Deadline::max();

  Connector(std::string url, base::Clock* clock, std::string store_id);
  /// With a connection that stands already.
  void adopt(std::unique_ptr<Database> database);

  /// The connection, or a new one; tries again, with growing pauses, until `deadline` or stop_waiting().
  /// Errors: those of Database::connect().
  Result<Database*> connection(Deadline deadline);
  void drop() { database_.reset(); }
  void stop_waiting();

 private:
  /// False: there is no time, or no wish, to wait any longer.
  bool wait(std::chrono::milliseconds pause, Deadline deadline);

  const std::string url_;
  base::Clock* const clock_;
  const std::string store_id_;
  std::unique_ptr<Database> database_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // under mutex_
};

}  // namespace geminga::orchestrator::postgresql
