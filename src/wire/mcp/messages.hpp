#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <geminga/error.hpp>

/// What stands in the params and results that a client of MCP needs (schemas 2024-11-05 to 2025-11-25).
namespace geminga::wire::mcp {

/// Newest first; the first one is what we offer.
std::vector<std::string_view> handshake_versions();

/// Params of `initialize`. Of what a client may offer we declare at most elicitation by forms: no roots, no
/// sampling.
nlohmann::json initialize_params(std::string_view client_name, std::string_view client_version,
                                 bool with_elicitation);
/// The answer to `elicitation/create` of somebody who leaves every field of the form as it is: its defaults,
/// or `decline` where a required field has none, and for everything but forms.
nlohmann::json elicitation_defaults(const nlohmann::json& params);

struct InitializeResult {
  std::string protocol_version{};
  std::string server_name{};
  std::string server_version{};
  bool has_tools = false;
};
/// Errors: protocol_error, also for a version that we do not speak.
Result<InitializeResult> read_initialize_result(const nlohmann::json& result);

struct ToolDescription {
  std::string name{};
  std::string title{};
  std::string description{};
  std::string input_schema{};   ///< JSON text
  std::string output_schema{};  ///< JSON text or empty
  std::optional<bool> read_only{};
  std::optional<bool> destructive{};
  std::optional<bool> idempotent{};
  std::optional<bool> open_world{};
};
struct ToolsPage {
  std::vector<ToolDescription> tools{};
  std::string next_cursor{};                             ///< empty on the last page
  std::size_t unusable = 0;                              ///< entries without a name
  std::optional<std::chrono::milliseconds> fresh_for{};  ///< `ttlMs`, where the server says so
};
/// Errors: protocol_error.
Result<ToolsPage> read_tools_page(const nlohmann::json& result);
/// Params of `tools/list`; "" for the first page.
nlohmann::json tools_list_params(std::string_view cursor);

struct CallParams {
  std::string_view tool{};
  std::string_view arguments{};  ///< JSON text of an object; empty for {}
  std::string_view idempotency_key{};
  std::string_view traceparent{};
  std::optional<std::int64_t> progress_token{};
};
/// Params of `tools/call`. Errors: invalid_argument when `arguments` is not the text of an object.
Result<nlohmann::json> call_params(const CallParams& params);

/// `content`, `structuredContent` and `isError` of an answer, texts as JSON.
struct CallResult {
  std::string content{};
  std::string structured{};
  bool is_error = false;
  const nlohmann::json* structured_value = nullptr;  ///< the same in what was read, which must stay
};
/// Errors: protocol_error.
Result<CallResult> read_call_result(const nlohmann::json& result);

struct ProgressParams {
  std::int64_t token = 0;
  double progress = 0;
  std::optional<double> total{};
  std::string message{};
};
/// Nothing when it is no progress of a token that we gave out.
std::optional<ProgressParams> read_progress(const nlohmann::json& params);

/// Params of `notifications/cancelled`.
nlohmann::json cancelled_params(std::int64_t request_id, std::string_view reason);

}  // namespace geminga::wire::mcp
