#include "orchestrator/jobs/job_types.hpp"

#include <array>

#include <fmt/format.h>

namespace geminga::orchestrator {
namespace {
constexpr std::array<std::string_view, 5> kStatuses{"PENDING", "PROCESSING", "COMPLETED", "FAILED",
                                                    "CANCELLED"};
}

std::string_view to_string(JobStatus status) {
  return kStatuses.at(static_cast<std::size_t>(status));
}

Result<JobStatus> parse_job_status(std::string_view text) {
  for (std::size_t i = 0; i < kStatuses.size(); ++i)
    if (kStatuses[i] == text) return static_cast<JobStatus>(i);
  return fail(ErrorCode::invalid_argument,
              fmt::format("'{}' is no job status; use one of {}", text, fmt::join(kStatuses, ", ")));
}

std::string_view to_string(ClaimKind kind) {
  return kind == ClaimKind::tool ? "tool" : "plan";
}

std::string_view to_string(ClaimState state) {
  constexpr std::array<std::string_view, 3> kNames{"RUNNING", "RETRY", "DONE"};
  return kNames.at(static_cast<std::size_t>(state));
}

std::string_view to_string(TakeResult result) {
  constexpr std::array<std::string_view, 7> kNames{"taken",           "outcome_unknown", "running",  "done",
                                                   "retry_scheduled", "superseded",      "cancelled"};
  return kNames.at(static_cast<std::size_t>(result));
}

}  // namespace geminga::orchestrator
