#include "net/openapi.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace geminga::net {
namespace {

using nlohmann::ordered_json;

/// "post_api_bus_topics_topic_messages"
std::string operation_id(const Route& route) {
  std::string id = route.method;
  for (const char c : route.pattern) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      id += c;
    else if (id.back() != '_')
      id += '_';
  }
  while (id.back() == '_') id.pop_back();
  std::ranges::transform(id, id.begin(), [](unsigned char c) { return std::tolower(c); });
  return id;
}

ordered_json path_parameters(const std::string& pattern) {
  auto parameters = ordered_json::array();
  for (std::size_t at = pattern.find('{'); at != std::string::npos; at = pattern.find('{', at + 1))
    parameters.push_back({{"name", pattern.substr(at + 1, pattern.find('}', at) - at - 1)},
                          {"in", "path"},
                          {"required", true},
                          {"schema", {{"type", "string"}}}});
  return parameters;
}

ordered_json operation(const Route& route) {
  ordered_json out{{"operationId", operation_id(route)}};
  if (auto parameters = path_parameters(route.pattern); !parameters.empty())
    out["parameters"] = std::move(parameters);
  for (const auto& type : route.content_types) {
    out["requestBody"]["required"] = true;
    out["requestBody"]["content"][type]["schema"]["type"] = "object";
  }
  const bool open = route.need == auth::Need::nothing;
  out["security"] = open ? ordered_json::array() : ordered_json::array({{{"bearer", ordered_json::array()}}});
  out["x-needs"] = to_string(route.need);
  out["responses"]["2XX"] = {{"description", "see docs/reference"}};
  if (!open) {
    out["responses"]["401"] = {{"$ref", "#/components/responses/error"}};
    out["responses"]["403"] = {{"$ref", "#/components/responses/error"}};
  }
  out["responses"]["default"] = {{"$ref", "#/components/responses/error"}};
  return out;
}

}  // namespace

std::string openapi_document(const Router& router, const std::string& version) {
  ordered_json out{{"openapi", "3.1.0"},
                   {"info",
                    {{"title", "Geminga"},
                     {"version", version},
                     {"description",
                      "The event bus and the orchestrator over HTTP. `security` counts where "
                      "authentication is on; `x-needs` is what the role must be allowed then."}}}};
  auto& paths = out["paths"] = ordered_json::object();
  for (const Route* route : router.routes()) {
    std::string method = route->method;
    std::ranges::transform(method, method.begin(), [](unsigned char c) { return std::tolower(c); });
    paths[route->pattern][method] = operation(*route);
  }
  out["components"]["securitySchemes"]["bearer"] = {
      {"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}};
  out["components"]["responses"]["error"] = ordered_json::parse(R"({
    "description": "what is wrong, and what helps",
    "content": {"application/json": {"schema": {"type": "object", "required": ["error", "message"],
      "properties": {"error": {"type": "string"}, "message": {"type": "string"}, "requestId": {"type": "string"}}}}}})");
  return out.dump(2) + '\n';
}

}  // namespace geminga::net
