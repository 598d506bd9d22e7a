#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <geminga/error.hpp>

#include "wire/mcp/json_rpc.hpp"

/// What the protocol without a handshake (2026-07-28) has beside what messages.hpp reads, and its extension
/// io.modelcontextprotocol/tasks.
namespace geminga::wire::mcp {

inline constexpr std::string_view kStatelessVersion = "2026-07-28";

inline constexpr int kHeaderMismatch = -32020;
inline constexpr int kMissingClientCapability = -32021;
inline constexpr int kUnsupportedVersion = -32022;

/// Who asks, and what may come back: `_meta` of every request. We can poll tasks; of what a client may offer
/// we declare at most elicitation by forms.
nlohmann::json request_meta(std::string_view client_name, std::string_view client_version,
                            bool with_elicitation);

struct DiscoverResult {
  std::vector<std::string> versions{};
  std::string server_name{};
  std::string server_version{};
  bool has_tools = false;
  bool tells_list_changes = false;  ///< to who listens
};
/// Errors: protocol_error where it is no answer to server/discover.
Result<DiscoverResult> read_discover_result(const nlohmann::json& result);

/// `supported` in the data of the error kUnsupportedVersion.
std::vector<std::string> supported_versions(const nlohmann::json& error_data);

/// `resultType`; absent means complete.
enum class ResultType : std::uint8_t { complete, input_required, task, unknown };
ResultType result_type(const nlohmann::json& result);

/// What the server wants to know before it goes on.
struct InputRequest {
  std::string method{};
  nlohmann::json params{};
};
using InputRequests = std::map<std::string, InputRequest>;  ///< by the server's key

struct InputRequired {
  InputRequests requests{};
  std::optional<std::string> state{};  ///< to be given back as it is
};
/// Errors: protocol_error where it has neither.
Result<InputRequired> read_input_required(const nlohmann::json& result);

enum class TaskStatus : std::uint8_t { working, input_required, completed, failed, cancelled };
struct Task {
  std::string id{};
  TaskStatus status = TaskStatus::working;
  std::string message{};
  std::chrono::milliseconds poll_after{1'000};
  std::optional<std::string> state{};  ///< `requestState`, to be given back as it is
  InputRequests requests{};            ///< input_required
  nlohmann::json result{};             ///< completed: of the request that began it
  int error_code = 0;                  ///< failed
  std::string error_message{};         ///< failed
};
/// The handle that came instead of a result, or the answer to tasks/get. Errors: protocol_error.
Result<Task> read_task(const nlohmann::json& result);

}  // namespace geminga::wire::mcp
