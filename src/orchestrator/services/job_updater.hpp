#pragma once

#include <memory>

#include "orchestrator/services/intakes.hpp"

namespace geminga::orchestrator {

/// Writes results into the jobs table. Twice changes nothing, a cancelled job stays cancelled, a result that
/// no job waits for is acknowledged and counted.
class JobUpdater : public std::enable_shared_from_this<JobUpdater> {
 public:
  explicit JobUpdater(std::shared_ptr<Core> core);
  Result<> consume();
  [[nodiscard]] Intakes& intake() { return *intake_; }

 private:
  void work(const Item& item);
  void applied(const Item& item, HopTime began, ResultApplied how);

  const std::shared_ptr<Core> core_;
  const std::shared_ptr<Intakes> intake_;
  const base::Counter unknown_;
};

}  // namespace geminga::orchestrator
