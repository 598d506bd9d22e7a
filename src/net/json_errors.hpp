#pragma once

#include <string_view>

#include <geminga/error.hpp>

#include "net/http_message.hpp"

namespace geminga::net {

/// {"error": "not_found", "message": "...", "requestId": "..."} with the HTTP status of the error table;
/// requestId only where there is one. Retryable refusals (429, 503) carry Retry-After, 401 says that a
/// token is wanted.
HttpResponse error_response(const Error& error, std::string_view request_id = {});
/// The same with a status of its own (405, 408, 431 ...); `name` is the value of "error".
HttpResponse error_response(int status, std::string_view name, std::string_view message,
                            std::string_view request_id = {});

}  // namespace geminga::net
