#pragma once

#include <functional>
#include <memory>
#include <string>

#include "orchestrator/jobs/job_store.hpp"
#include "orchestrator/jobs/sql/group.hpp"

namespace geminga::orchestrator::sql {

/// Where a store's statements run: what SQLite and PostgreSQL do not share.
class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual const std::string& id() const = 0;
  [[nodiscard]] virtual std::string description() const = 0;

  /// Commits the group. Errors: nothing of it is written. On the writing thread.
  virtual Result<> write(Group& group) = 0;
  /// On the reading thread.
  virtual Result<> read(Operation& operation) = 0;
  /// The store is about to stop: what waits for a database that is away gives up. Any thread.
  virtual void stop_waiting() = 0;
};

/// The store over a backend: one thread writes, one reads. `on_disk_error` as in SqliteJobStoreOptions.
std::unique_ptr<JobStore> make_job_store(std::unique_ptr<Backend> backend,
                                         std::function<void(const Error&)> on_disk_error);

}  // namespace geminga::orchestrator::sql
