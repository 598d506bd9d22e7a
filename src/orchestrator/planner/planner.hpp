#pragma once

#include <functional>
#include <string>
#include <vector>

#include <geminga/error.hpp>

#include "orchestrator/events/events.hpp"
#include "orchestrator/matching/matcher.hpp"

namespace geminga::orchestrator {

struct PlanQuestion {
  std::string request_id{};
  std::string sentence{};
  std::string reason{};           ///< why the matcher called no tool
  std::vector<ToolView> tools{};  ///< what may stand in the plan, the likely ones first
};

/// Makes plans. Any thread.
class Planner {
 public:
  virtual ~Planner() = default;
  /// Comes exactly once, on a thread of the planner; must not block. Errors: closed (stopped), unavailable
  /// (the model could not be asked), schema_mismatch (its words are no plan of these tools).
  using Done = std::move_only_function<void(Result<Plan>)>;
  virtual void plan(PlanQuestion question, Done done) = 0;
  /// The model's name and where it is, for the status.
  [[nodiscard]] virtual std::string description() const = 0;
  /// How many tools it wants to be told of.
  [[nodiscard]] virtual std::size_t tools_max() const = 0;
  /// Ends what runs with `closed`. Idempotent.
  virtual void stop() = 0;
};

}  // namespace geminga::orchestrator
