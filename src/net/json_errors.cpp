#include "net/json_errors.hpp"

#include <nlohmann/json.hpp>

namespace geminga::net {

HttpResponse error_response(const Error& error, std::string_view request_id) {
  HttpResponse response =
      error_response(error_info(error.code).http_status, error.name(), error.message, request_id);
  if (response.status == 401) response.headers.add("WWW-Authenticate", "Bearer");
  if (response.status == 429 || response.status == 503) response.headers.add("Retry-After", "1");
  return response;
}

HttpResponse error_response(int status, std::string_view name, std::string_view message,
                            std::string_view request_id) {
  nlohmann::ordered_json body{{"error", name}, {"message", message}};
  if (!request_id.empty()) body["requestId"] = request_id;
  // A message may quote bytes of a peer; what is not UTF-8 in it must not throw.
  return HttpResponse::json(status, body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace geminga::net
