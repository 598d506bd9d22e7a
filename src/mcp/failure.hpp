#pragma once

#include <string_view>

#include "mcp/call.hpp"

namespace geminga::net {
struct ClientResponse;
class HttpHeaders;
}  // namespace geminga::net

namespace geminga::wire::mcp {
struct Message;
}

/// The retry table of the orchestrator as code: from what happened to what it means.
namespace geminga::mcp {

/// The request had left (or not) when the connection ended, the time ran out or somebody cancelled.
CallFailure ended_without_answer(Error error, bool left);

/// A JSON-RPC error; `stateless`: of a server that speaks protocol 2026-07-28, which has codes of its own.
CallFailure rpc_failure(int code, std::string_view message, bool stateless);
CallFailure rpc_failure(const wire::mcp::Message& error, bool stateless);

/// An HTTP status other than 2xx.
CallFailure http_failure(int status, const net::HttpHeaders& headers, std::string_view body);

/// An error of net::HttpClient.
CallFailure http_client_failure(Error error);

/// The value of Retry-After: seconds or an HTTP date. Nothing when it is neither.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view value);

}  // namespace geminga::mcp
