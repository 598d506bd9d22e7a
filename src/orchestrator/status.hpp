#pragma once

#include <string>
#include <vector>

#include "orchestrator/services/intakes.hpp"
#include "orchestrator/services/matcher_service.hpp"

namespace geminga::orchestrator {

struct StatusInputs {
  Core& core;
  std::vector<const Intakes*> intakes;
  std::uint64_t accepted = 0;
  std::size_t waiting_queries = 0;
  std::uint64_t results_seen = 0;
  bool result_reader_running = false;
  std::size_t calls_in_progress = 0;
  RulesStatus rules;
  std::vector<std::string> name_spaces;  ///< of tenants
  std::string planner;                   ///< the model and where it is; empty: none
  std::string not_ready_reason;
};

/// The JSON text of GET /api/orchestrator/status. Asks bus and store; blocks.
std::string status_json(const StatusInputs& inputs);

}  // namespace geminga::orchestrator
