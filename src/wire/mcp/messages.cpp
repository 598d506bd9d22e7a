#include "wire/mcp/messages.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/try.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::wire::mcp {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 4> kVersions{"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};

std::optional<bool> flag(const json* annotations, const char* key) {
  const json* value = annotations == nullptr ? nullptr : member(*annotations, key);
  return value != nullptr && value->is_boolean() ? std::optional(value->get<bool>()) : std::nullopt;
}

ToolDescription read_tool(const json& entry) {
  ToolDescription tool{.name = string_member(entry, "name"),
                       .title = string_member(entry, "title"),
                       .description = string_member(entry, "description")};
  const json* input = member(entry, "inputSchema");
  tool.input_schema = input != nullptr && input->is_object() ? to_text(*input) : R"({"type":"object"})";
  if (const json* output = member(entry, "outputSchema"); output != nullptr && output->is_object())
    tool.output_schema = to_text(*output);
  const json* annotations = member(entry, "annotations");
  if (tool.title.empty() && annotations != nullptr) tool.title = string_member(*annotations, "title");
  tool.read_only = flag(annotations, "readOnlyHint");
  tool.destructive = flag(annotations, "destructiveHint");
  tool.idempotent = flag(annotations, "idempotentHint");
  tool.open_world = flag(annotations, "openWorldHint");
  return tool;
}

}  // namespace

std::vector<std::string_view> handshake_versions() {
  return {kVersions.begin(), kVersions.end()};
}

json initialize_params(std::string_view client_name, std::string_view client_version, bool with_elicitation) {
  json capabilities = json::object();
  if (with_elicitation) capabilities["elicitation"] = {{"form", json::object()}};
  return {{"protocolVersion", kVersions.front()},
          {"capabilities", std::move(capabilities)},
          {"clientInfo", {{"name", client_name}, {"version", client_version}}}};
}

json elicitation_defaults(const json& params) {
  const json decline{{"action", "decline"}};
  const json* schema = member(params, "requestedSchema");
  const json* fields = schema == nullptr ? nullptr : member(*schema, "properties");
  if (fields == nullptr || !fields->is_object()) return decline;
  json content = json::object();
  for (const auto& [name, field] : fields->items()) {
    if (const json* value = member(field, "default"); value != nullptr) content[name] = *value;
  }
  if (const json* required = member(*schema, "required"); required != nullptr && required->is_array()) {
    for (const json& name : *required) {
      if (name.is_string() && !content.contains(name.get_ref<const std::string&>())) return decline;
    }
  }
  return {{"action", "accept"}, {"content", std::move(content)}};
}

Result<InitializeResult> read_initialize_result(const json& result) {
  InitializeResult read;
  read.protocol_version = string_member(result, "protocolVersion");
  if (read.protocol_version.empty())
    return fail(ErrorCode::protocol_error, "the answer to initialize has no protocolVersion");
  if (std::ranges::find(kVersions, read.protocol_version) == kVersions.end()) {
    return fail(ErrorCode::protocol_error,
                fmt::format("the server speaks protocol version '{}'; this client speaks {}",
                            read.protocol_version, fmt::join(kVersions, ", ")));
  }
  if (const json* info = member(result, "serverInfo"); info != nullptr) {
    read.server_name = string_member(*info, "name");
    read.server_version = string_member(*info, "version");
  }
  const json* capabilities = member(result, "capabilities");
  read.has_tools = capabilities != nullptr && member(*capabilities, "tools") != nullptr;
  return read;
}

Result<ToolsPage> read_tools_page(const json& result) {
  const json* tools = member(result, "tools");
  if (tools == nullptr || !tools->is_array())
    return fail(ErrorCode::protocol_error, "the answer to tools/list has no list 'tools'");
  ToolsPage page;
  page.next_cursor = string_member(result, "nextCursor");
  if (const json* ttl = member(result, "ttlMs"); ttl != nullptr && ttl->is_number())
    page.fresh_for =
        std::chrono::milliseconds{static_cast<std::int64_t>(std::clamp(ttl->get<double>(), 0.0, 1e12))};
  for (const json& entry : *tools) {
    if (string_member(entry, "name").empty()) {
      ++page.unusable;
    } else {
      page.tools.push_back(read_tool(entry));
    }
  }
  return page;
}

json tools_list_params(std::string_view cursor) {
  return cursor.empty() ? json::object() : json{{"cursor", cursor}};
}

Result<json> call_params(const CallParams& params) {
  json object{{"name", params.tool}, {"arguments", json::object()}};
  if (!params.arguments.empty()) {
    auto arguments = parse_json(params.arguments);
    if (!arguments || !arguments->is_object())
      return fail(ErrorCode::invalid_argument, "the arguments of a tool must be a JSON object");
    object["arguments"] = *std::move(arguments);
  }
  json meta = json::object();
  if (!params.idempotency_key.empty()) meta["idempotencyKey"] = params.idempotency_key;
  if (!params.traceparent.empty()) meta["traceparent"] = params.traceparent;
  if (params.progress_token) meta["progressToken"] = *params.progress_token;
  if (!meta.empty()) object["_meta"] = std::move(meta);
  return object;
}

Result<CallResult> read_call_result(const json& result) {
  if (!result.is_object()) return fail(ErrorCode::protocol_error, "the answer to tools/call is no object");
  CallResult read;
  const json* content = member(result, "content");
  if (content != nullptr && !content->is_array())
    return fail(ErrorCode::protocol_error, "'content' in the answer to tools/call is no list");
  const json* structured = member(result, "structuredContent");
  if (content == nullptr && structured == nullptr)
    return fail(ErrorCode::protocol_error,
                "the answer to tools/call has neither content nor structuredContent");
  read.content = content == nullptr ? "[]" : to_text(*content);
  if (structured != nullptr) read.structured = to_text(*structured);
  read.structured_value = structured;
  const json* is_error = member(result, "isError");
  read.is_error = is_error != nullptr && is_error->is_boolean() && is_error->get<bool>();
  return read;
}

std::optional<ProgressParams> read_progress(const json& params) {
  const json* token = member(params, "progressToken");
  const json* progress = member(params, "progress");
  if (token == nullptr || !token->is_number_integer() || progress == nullptr || !progress->is_number())
    return std::nullopt;
  ProgressParams read{.token = token->get<std::int64_t>(), .progress = progress->get<double>()};
  if (const json* total = member(params, "total"); total != nullptr && total->is_number())
    read.total = total->get<double>();
  read.message = string_member(params, "message");
  return read;
}

json cancelled_params(std::int64_t request_id, std::string_view reason) {
  return {{"requestId", request_id}, {"reason", reason}};
}

}  // namespace geminga::wire::mcp
