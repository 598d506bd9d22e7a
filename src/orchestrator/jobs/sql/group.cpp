#include "orchestrator/jobs/sql/group.hpp"

#include "base/log.hpp"
#include "base/try.hpp"

namespace geminga::orchestrator::sql {

Result<> Group::run(Database& database) {
  auto committed = attempt(database, Parts::together);
  return one_failed_ ? attempt(database, Parts::apart) : committed;
}

Result<> Group::attempt(Database& database, Parts parts) {
  events_.clear();
  ended_.assign(batch_.size(), {});
  one_failed_ = false;
  auto committed = apply_all(database, parts);
  if (!committed && database.in_transaction())
    if (auto undone = database.execute("ROLLBACK"); !undone)
      log::error("jobs", "rollback failed: {}", undone.error().message);
  return committed;
}

Result<> Group::apply_all(Database& database, Parts parts) {
  GEMINGA_TRY(const auto now, database.begin());
  Context context{database, now, events_};
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    if (parts == Parts::apart)
      GEMINGA_TRY_VOID(database.execute(i == 0 ? "SAVEPOINT one" : "RELEASE one; SAVEPOINT one"));
    GEMINGA_TRY_VOID(apply_one(context, *batch_[i], ended_[i], parts));
  }
  return database.commit();
}

/// An error means that the whole transaction is gone, or must go.
Result<> Group::apply_one(Context& context, Operation& operation, Ended& ended, Parts parts) {
  ended.first_event = events_.size();
  ended.result = operation.apply(context);
  if (ended.result) return {};
  // A disk that fails one operation is not to be trusted with the others.
  if (ends_it(ended.result.error())) return ended.result;
  // A full disk makes SQLite take back the whole transaction by itself; a lost connection does so as well.
  if (!context.database.in_transaction()) return ended.result;
  if (parts == Parts::together) {
    one_failed_ = true;
    return ended.result;
  }
  events_.resize(ended.first_event);
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
