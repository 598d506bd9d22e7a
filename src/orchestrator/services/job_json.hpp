#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "orchestrator/jobs/job_types.hpp"

namespace geminga::orchestrator {

/// A job as users see it, over HTTP and in webhooks.
nlohmann::ordered_json job_json(const Job& job);
/// What a webhook says of a job that has ended: {"type": "job.completed", "timestamp", "data": <the job>}.
std::string webhook_body(const Job& job);

}  // namespace geminga::orchestrator
