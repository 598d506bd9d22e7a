#pragma once

#include <utility>
#include <vector>

#include "orchestrator/jobs/sql/lane.hpp"

namespace geminga::orchestrator::sql {

/// The operations of one commit. One that fails spoils no other: the group is then taken back and applied
/// again with a savepoint around each. Few fail, and savepoints cost half as much as what they guard.
class Group {
 public:
  explicit Group(Lane::Batch batch) : batch_(std::move(batch)) {}

  /// Applies all and commits. After an error it may be called again, with another connection too; what the
  /// try before had found is forgotten. An error of commit() itself leaves open whether it was committed.
  Result<> run(Database& database);

  [[nodiscard]] std::size_t size() const { return batch_.size(); }
  /// Those of the operations that stand.
  [[nodiscard]] const std::vector<JobEvent>& events() const { return events_; }

  /// Tells each operation how it ended; once, after the commit.
  void finish();
  /// Tells each that nothing was written; once.
  void fail(const Error& error);

 private:
  /// How an operation ended, and where its events begin.
  struct Ended {
    Result<> result;
    std::size_t first_event = 0;
  };
  enum class Parts : std::uint8_t { together, apart };
  Result<> attempt(Database& database, Parts parts);
  Result<> apply_all(Database& database, Parts parts);
  Result<> apply_one(Context& context, Operation& operation, Ended& ended, Parts parts);

  Lane::Batch batch_;
  std::vector<Ended> ended_;
  std::vector<JobEvent> events_;
  bool one_failed_ = false;  ///< in the attempt that ended last
};

/// Nobody knows what the disk holds now, or it holds damage: nothing more may be written.
bool ends_it(const Error& error);

}  // namespace geminga::orchestrator::sql
