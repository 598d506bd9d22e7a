#include "mcp/failure.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "net/http_message.hpp"
#include "wire/mcp/json_rpc.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::mcp {
namespace {

constexpr std::chrono::hours kRetryAfterMax{24};

FailureClass class_of_status(int status) {
  switch (status) {
    case 429:
    case 503:
      return FailureClass::not_executed;
    case 400:
    case 401:
    case 403:
      return FailureClass::final;
    case 502:
    case 504:
      return FailureClass::outcome_unknown;
    default:
      return FailureClass::unknown;
  }
}

ErrorCode code_of_status(int status) {
  switch (status) {
    case 401:
      return ErrorCode::unauthorized;
    case 403:
      return ErrorCode::forbidden;
    case 429:
    case 503:
      return ErrorCode::unavailable;
    case 502:
    case 504:
      return ErrorCode::outcome_unknown;
    default:
      return ErrorCode::protocol_error;
  }
}

}  // namespace

CallFailure ended_without_answer(Error error, bool left) {
  return {.kind = left ? FailureClass::outcome_unknown : FailureClass::not_executed,
          .error = std::move(error)};
}

CallFailure rpc_failure(int code, std::string_view message, bool stateless) {
  // -32020 to -32099 are the protocol's own by now: it was refused before the tool was called. Servers of
  // before say with them what they like, also what passes.
  const bool final = code == wire::mcp::kInvalidRequest || code == wire::mcp::kMethodNotFound ||
                     code == wire::mcp::kInvalidParams || (stateless && code <= -32020 && code >= -32099);
  return {
      .kind = final ? FailureClass::final : FailureClass::unknown,
      .error = {ErrorCode::rpc_error, fmt::format("the server answered with error {}: {}", code, message)},
      .rpc_code = code};
}

CallFailure rpc_failure(const wire::mcp::Message& error, bool stateless) {
  CallFailure failure = rpc_failure(error.error_code, error.error_message, stateless);
  if (error.body != nullptr) failure.rpc_data = wire::mcp::to_text(*error.body);
  return failure;
}

std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view value) {
  std::uint32_t seconds = 0;
  const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error == std::errc() && stop == value.data() + value.size())
    return std::min<std::chrono::milliseconds>(std::chrono::seconds{seconds}, kRetryAfterMax);
  std::tm date{};
  const char* end = ::strptime(std::string(value).c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (end == nullptr) return std::nullopt;
  // In whole seconds: the nanoseconds of the clock end in the year 2262.
  const std::chrono::seconds wait{::timegm(&date) - std::time(nullptr)};
  return std::clamp<std::chrono::milliseconds>(wait, std::chrono::milliseconds{0}, kRetryAfterMax);
}

CallFailure http_failure(int status, const net::HttpHeaders& headers, std::string_view body) {
  const bool may_speak = class_of_status(status) == FailureClass::final || status == 404;
  if (auto messages = wire::mcp::decode(body); may_speak && messages && messages->size() == 1 &&
                                               messages->front().kind == wire::mcp::MessageKind::error) {
    CallFailure failure = rpc_failure(messages->front(), /*stateless=*/true);
    failure.kind = FailureClass::final;  // its status says so
    failure.http_status = status;
    return failure;
  }
  std::string message =
      fmt::format("the server answered with HTTP status {} {}", status, net::reason_phrase(status));
  if (status >= 300 && status < 400)
    message += fmt::format(" to '{}'; write that address as 'url' in mcp.json", headers.get("Location"));
  if (status == 401 || status == 403) message += "; check 'headers' of this server in mcp.json";
  if (!body.empty() && status >= 400) message += fmt::format(": {}", body.substr(0, 300));
  return {.kind = class_of_status(status),
          .error = {code_of_status(status), std::move(message)},
          .retry_after = parse_retry_after(headers.get("Retry-After")),
          .http_status = status};
}

CallFailure http_client_failure(Error error) {
  FailureClass kind = FailureClass::unknown;
  if (error.code == ErrorCode::not_sent) kind = FailureClass::not_executed;
  if (error.code == ErrorCode::outcome_unknown || error.code == ErrorCode::closed)
    kind = FailureClass::outcome_unknown;
  if (error.code == ErrorCode::too_large || error.code == ErrorCode::invalid_argument)
    kind = FailureClass::final;
  return {.kind = kind, .error = std::move(error)};
}

}  // namespace geminga::mcp
