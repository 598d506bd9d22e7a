#pragma once

#include "net/http_message.hpp"
#include "orchestrator/services/ingress.hpp"

namespace geminga::orchestrator {

/// Reads the body and the headers of POST query and POST jobs: {query, sessionId?, contextSnapshot?,
/// metadata?, webhook?}, of a service role also {userId?, agentId?}. Errors: invalid_argument, parse_error,
/// too_large, each naming the member.
Result<Submission> read_submission(const net::HttpRequest& request, std::size_t query_bytes_max);

}  // namespace geminga::orchestrator
