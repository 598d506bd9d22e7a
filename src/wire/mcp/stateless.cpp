#include "wire/mcp/stateless.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/try.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::wire::mcp {
namespace {

using nlohmann::json;

constexpr const char* kTasks = "io.modelcontextprotocol/tasks";
constexpr std::chrono::milliseconds kPollMin{50};
constexpr std::chrono::milliseconds kPollMax{60'000};

std::vector<std::string> texts(const json* list) {
  std::vector<std::string> read;
  if (list == nullptr || !list->is_array()) return read;
  for (const json& one : *list) {
    if (one.is_string()) read.push_back(one.get<std::string>());
  }
  return read;
}

Result<InputRequests> read_requests(const json& requests) {
  InputRequests read;
  if (!requests.is_object()) return fail(ErrorCode::protocol_error, "'inputRequests' is no object");
  for (const auto& [key, request] : requests.items()) {
    const json* params = member(request, "params");
    InputRequest one{.method = string_member(request, "method"),
                     .params = params == nullptr ? json::object() : *params};
    if (one.method.empty())
      return fail(ErrorCode::protocol_error, fmt::format("'inputRequests.{}' has no method", key));
    read.emplace(key, std::move(one));
  }
  return read;
}

std::optional<std::string> state_of(const json& object) {
  const json* state = member(object, "requestState");
  return state != nullptr && state->is_string() ? std::optional(state->get<std::string>()) : std::nullopt;
}

Result<TaskStatus> read_status(const std::string& text) {
  if (text == "working") return TaskStatus::working;
  if (text == "input_required") return TaskStatus::input_required;
  if (text == "completed") return TaskStatus::completed;
  if (text == "failed") return TaskStatus::failed;
  if (text == "cancelled") return TaskStatus::cancelled;
  return fail(ErrorCode::protocol_error, fmt::format("a task has the status '{}'", text));
}

}  // namespace

json request_meta(std::string_view client_name, std::string_view client_version, bool with_elicitation) {
  json capabilities{{"extensions", {{kTasks, json::object()}}}};
  if (with_elicitation) capabilities["elicitation"] = {{"form", json::object()}};
  return {{"io.modelcontextprotocol/protocolVersion", kStatelessVersion},
          {"io.modelcontextprotocol/clientInfo", {{"name", client_name}, {"version", client_version}}},
          {"io.modelcontextprotocol/clientCapabilities", std::move(capabilities)}};
}

Result<DiscoverResult> read_discover_result(const json& result) {
  DiscoverResult read{.versions = texts(member(result, "supportedVersions"))};
  if (read.versions.empty())
    return fail(ErrorCode::protocol_error, "the answer to server/discover names no supportedVersions");
  const json* meta = member(result, "_meta");
  const json* info = member(result, "serverInfo");
  if (info == nullptr && meta != nullptr) info = member(*meta, "io.modelcontextprotocol/serverInfo");
  if (info != nullptr) {
    read.server_name = string_member(*info, "name");
    read.server_version = string_member(*info, "version");
  }
  const json* capabilities = member(result, "capabilities");
  const json* tools = capabilities == nullptr ? nullptr : member(*capabilities, "tools");
  read.has_tools = tools != nullptr;
  const json* changes = tools == nullptr ? nullptr : member(*tools, "listChanged");
  read.tells_list_changes = changes != nullptr && changes->is_boolean() && changes->get<bool>();
  return read;
}

std::vector<std::string> supported_versions(const json& error_data) {
  return texts(member(error_data, "supported"));
}

ResultType result_type(const json& result) {
  const json* type = member(result, "resultType");
  if (type == nullptr) return ResultType::complete;
  if (*type == "complete") return ResultType::complete;
  if (*type == "input_required") return ResultType::input_required;
  return *type == "task" ? ResultType::task : ResultType::unknown;
}

Result<InputRequired> read_input_required(const json& result) {
  InputRequired read{.state = state_of(result)};
  if (const json* requests = member(result, "inputRequests"); requests != nullptr) {
    GEMINGA_TRY(read.requests, read_requests(*requests));
  } else if (!read.state) {
    return fail(ErrorCode::protocol_error, "input is required, but there is neither a question nor a state");
  }
  return read;
}

Result<Task> read_task(const json& result) {
  Task task{.id = string_member(result, "taskId"), .message = string_member(result, "statusMessage")};
  if (task.id.empty()) return fail(ErrorCode::protocol_error, "a task without a taskId");
  GEMINGA_TRY(task.status, read_status(string_member(result, "status")));
  if (const json* wish = member(result, "pollIntervalMs"); wish != nullptr && wish->is_number())
    task.poll_after = std::chrono::milliseconds{static_cast<std::int64_t>(std::clamp(
        wish->get<double>(), static_cast<double>(kPollMin.count()), static_cast<double>(kPollMax.count())))};
  task.state = state_of(result);
  if (const json* requests = member(result, "inputRequests"); requests != nullptr) {
    GEMINGA_TRY(task.requests, read_requests(*requests));
  }
  if (const json* final_result = member(result, "result"); final_result != nullptr)
    task.result = *final_result;
  if (const json* error = member(result, "error"); error != nullptr) {
    const json* code = member(*error, "code");
    if (code != nullptr && code->is_number_integer())
      task.error_code = static_cast<int>(code->get<std::int64_t>());
    task.error_message = string_member(*error, "message");
  }
  return task;
}

}  // namespace geminga::wire::mcp
