#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <geminga/types.hpp>

#include "cli/verb.hpp"
#include "orchestrator/events/hop_time.hpp"

namespace geminga::cli {

class Remote;

/// What one service did for a request.
struct Hop {
  std::string name;  ///< "ingress", "matcher", "coordinator", "fallback", or a plan's step
  std::uint64_t attempt = 0;
  std::string tool;  ///< "server/tool"; may be empty
  std::string outcome;
  std::string error;
  orchestrator::HopTime started{};
  orchestrator::HopTime ended{};
};

/// The hops of one request, oldest first, read from the topic of executions backwards until messages are
/// older than `since`.
std::expected<std::vector<Hop>, Failure> hops_of(Remote& remote, const std::string& request_id,
                                                 Timestamp since);
/// When the hop ran between the first and the last moment of its request: "..####......"; never empty.
std::string timeline_bar(const Hop& hop, orchestrator::HopTime first, orchestrator::HopTime last);
/// {"hop", "attempt", "startedAt", "endedAt", "ms", "outcome", "tool", "error"}
nlohmann::ordered_json hop_json(const Hop& hop);
/// A table for people, or one object a line.
void print_hops(const std::vector<Hop>& hops, bool json);

}  // namespace geminga::cli
