// The smallest MCP server over stdio: one tool, `echo`, that answers at once. What a query costs with it is
// what the orchestrator costs.
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

namespace {

using nlohmann::json;

json result_of(const json& request) {
  const std::string method = request.value("method", "");
  if (method == "initialize") {
    return {{"protocolVersion", request["params"]["protocolVersion"]},
            {"capabilities", {{"tools", json::object()}}},
            {"serverInfo", {{"name", "echo_tool"}, {"version", "1"}}}};
  }
  if (method == "tools/list") {
    return {
        {"tools",
         {{{"name", "echo"},
           {"description", "Repeats a text"},
           {"inputSchema",
            {{"type", "object"}, {"properties", {{"text", {{"type", "string"}}}}}, {"required", {"text"}}}},
           {"annotations", {{"readOnlyHint", true}}}}}}};
  }
  const std::string text = request["params"]["arguments"].value("text", "");
  return {{"content", {{{"type", "text"}, {"text", text}}}}, {"isError", false}};
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    const json request = json::parse(line, nullptr, false);
    if (!request.is_object() || !request.contains("id")) continue;
    std::cout << json{{"jsonrpc", "2.0"}, {"id", request["id"]}, {"result", result_of(request)}}.dump()
              << std::endl;
  }
  return 0;
}
