#include "orchestrator/jobs/sql/group.hpp"

#include "base/log.hpp"
#include "base/try.hpp"

namespace geminga::orchestrator::sql {

Result<> Group::run(Database& database) {
  events_.clear();
  ended_.assign(batch_.size(), {});
  auto committed = apply_all(database);
  if (!committed && database.in_transaction())
    if (auto undone = database.execute("ROLLBACK"); !undone)
      log::error("jobs", "rollback failed: {}", undone.error().message);
  return committed;
}

Result<> Group::apply_all(Database& database) {
  GEMINGA_TRY(const auto now, database.begin());
  Context context{database, now, events_};
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    GEMINGA_TRY_VOID(database.execute(i == 0 ? "SAVEPOINT one" : "RELEASE one; SAVEPOINT one"));
    GEMINGA_TRY_VOID(apply_one(context, *batch_[i], ended_[i]));
  }
  return database.commit();
}

/// An error means that the whole transaction is gone, or must go.
Result<> Group::apply_one(Context& context, Operation& operation, Ended& ended) {
  ended.first_event = events_.size();
  ended.result = operation.apply(context);
  if (ended.result) return {};
  // A disk that fails one operation is not to be trusted with the others.
  if (ends_it(ended.result.error())) return ended.result;
  events_.resize(ended.first_event);
  // A full disk makes SQLite take back the whole transaction by itself; a lost connection does so as well.
  if (!context.database.in_transaction()) return ended.result;
  return context.database.execute("ROLLBACK TO one");
}

void Group::finish() {
  for (std::size_t i = 0; i < batch_.size(); ++i) batch_[i]->finish(std::move(ended_[i].result));
}

void Group::fail(const Error& error) {
  for (auto& operation : batch_) operation->finish(std::unexpected(error));
}

bool ends_it(const Error& error) {
  return error.code == ErrorCode::disk_error || error.code == ErrorCode::corrupted;
}

}  // namespace geminga::orchestrator::sql
