#include "orchestrator/api/submission.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/try.hpp"
#include "net/json_body.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

/// As much as one message of the bus carries.
constexpr std::size_t kBodyBytesMax = 5 << 20;
constexpr std::size_t kSessionIdMax = 256;
constexpr std::size_t kIdempotencyKeyMax = 256;

Result<JsonText> object_member(const json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end()) return JsonText{};
  if (!found->is_object())
    return fail(ErrorCode::invalid_argument, fmt::format("'{}' must be an object", name));
  return found->dump();
}

Result<std::string> query_of(const json& body, std::size_t bytes_max) {
  const auto found = body.find("query");
  if (found == body.end()) return fail(ErrorCode::invalid_argument, "'query' is missing; send a sentence");
  if (!found->is_string()) return fail(ErrorCode::invalid_argument, "'query' must be a string");
  auto query = found->get<std::string>();
  if (query.find_first_not_of(" \t\r\n") == std::string::npos)
    return fail(ErrorCode::invalid_argument, "'query' is empty; send a sentence");
  if (query.size() > bytes_max)
    return fail(ErrorCode::invalid_argument,
                fmt::format("'query' has {} bytes; {} is the limit", query.size(), bytes_max));
  return query;
}

Result<std::optional<std::string>> text_member(const json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end()) return std::nullopt;
  if (!found->is_string())
    return fail(ErrorCode::invalid_argument, fmt::format("'{}' must be a string", name));
  return found->get<std::string>();
}

Result<std::optional<std::string>> session_of(const json& body) {
  const auto found = body.find("sessionId");
  if (found == body.end()) return std::nullopt;
  if (!found->is_string()) return fail(ErrorCode::invalid_argument, "'sessionId' must be a string");
  auto session = found->get<std::string>();
  if (session.empty() || session.size() > kSessionIdMax)
    return fail(ErrorCode::invalid_argument,
                fmt::format("'sessionId' must have 1 to {} bytes, it has {}", kSessionIdMax, session.size()));
  return session;
}

Result<std::optional<std::string>> webhook_of(const json& body) {
  const auto found = body.find("webhook");
  if (found == body.end()) return std::nullopt;
  if (!found->is_string()) return fail(ErrorCode::invalid_argument, "'webhook' must be a string, a URL");
  return found->get<std::string>();
}

Result<std::optional<std::string>> idempotency_key_of(const net::HttpRequest& request) {
  if (!request.headers.has("Idempotency-Key")) return std::nullopt;
  const auto key = request.header("Idempotency-Key");
  if (key.empty() || key.size() > kIdempotencyKeyMax || request.headers.count("Idempotency-Key") != 1)
    return fail(ErrorCode::invalid_argument,
                fmt::format("Idempotency-Key must stand once and have 1 to {} bytes", kIdempotencyKeyMax));
  return std::string(key);
}

}  // namespace

Result<Submission> read_submission(const net::HttpRequest& request, std::size_t query_bytes_max) {
  if (request.body.size() > kBodyBytesMax)
    return fail(ErrorCode::too_large,
                fmt::format("the body has {} bytes; {} is the limit", request.body.size(), kBodyBytesMax));
  GEMINGA_TRY(const auto body, net::parse_json_object(request.body));
  Submission submission;
  GEMINGA_TRY(submission.query, query_of(body, query_bytes_max));
  GEMINGA_TRY(submission.session_id, session_of(body));
  GEMINGA_TRY(submission.context_snapshot, object_member(body, "contextSnapshot"));
  GEMINGA_TRY(submission.metadata, object_member(body, "metadata"));
  GEMINGA_TRY(submission.webhook_url, webhook_of(body));
  GEMINGA_TRY(submission.idempotency_key, idempotency_key_of(request));
  // Two of them are none (W3C Trace Context section 3.2).
  if (request.headers.count("traceparent") == 1) submission.traceparent = request.header("traceparent");
  submission.principal = request.principal;
  // From anybody else they do not count, whatever they are.
  if (request.principal == nullptr || !request.principal->service) return submission;
  GEMINGA_TRY(submission.user_id, text_member(body, "userId"));
  GEMINGA_TRY(submission.agent_id, text_member(body, "agentId"));
  return submission;
}

}  // namespace geminga::orchestrator
