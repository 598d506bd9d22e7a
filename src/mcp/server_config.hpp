#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <geminga/error.hpp>

#include "mcp/oauth/settings.hpp"

namespace geminga::mcp {

/// A program that speaks MCP on its stdin and stdout.
struct StdioEndpoint {
  std::string command{};  ///< a bare name is looked up on our own PATH
  std::vector<std::string> args{};
  std::map<std::string, std::string> env{};  ///< on top of the short allow-list, see README.md
  std::filesystem::path cwd{};               ///< empty: ours
  bool operator==(const StdioEndpoint&) const = default;
};

/// A server behind a URL (Streamable HTTP, or the `invoke` form).
struct HttpEndpoint {
  std::string url{};
  std::map<std::string, std::string> headers{};
  oauth::Settings oauth{};  ///< `mcp` only; not enabled where `headers` give the Authorization
  bool operator==(const HttpEndpoint&) const = default;
};

/// `mcp`: JSON-RPC 2.0. `invoke`: POST <url>/mcp/invoke {tool, arguments}.
enum class Protocol : std::uint8_t { mcp, invoke };

/// What to do with a call whose outcome is not known and whose tool has no annotation that settles it.
enum class RetryPolicy : std::uint8_t { never, always, retry_unknown };

/// What a server hears that asks the user for values in the middle of a call: that there is nobody, or the
/// defaults of its own form (and that the user declines where one has none).
enum class Elicitation : std::uint8_t { refuse, defaults };

/// A tool of an `invoke` server that is declared by hand.
struct DeclaredTool {
  std::string name{};
  std::string description{};
  std::string input_schema = R"({"type":"object"})";  ///< JSON text
  bool operator==(const DeclaredTool&) const = default;
};

/// Geminga's own settings of one server, `[servers.NAME]` of geminga.toml.
struct ServerSettings {
  Protocol protocol = Protocol::mcp;
  RetryPolicy retry = RetryPolicy::retry_unknown;
  bool retry_tool_errors = false;                          ///< an answer with isError counts as a failure
  std::chrono::milliseconds timeout{60'000};               ///< of one call
  std::chrono::milliseconds start_timeout{60'000};         ///< from spawn to the end of the listing
  std::size_t max_concurrent = 256;                        ///< calls in flight at once
  std::size_t max_queued = 1'024;                          ///< calls that wait for a free place
  std::size_t max_per_second = 0;                          ///< calls, 0: no limit
  std::size_t breaker_failures = 0;                        ///< in a row until no call is made; 0: never
  std::chrono::milliseconds breaker_pause{30'000};         ///< then one call tries
  std::size_t max_message_bytes = std::size_t{16} << 20U;  ///< one message from the server
  Elicitation elicitation = Elicitation::refuse;
  bool check_structured = true;       ///< a structured answer that does not fit its outputSchema is a failure
  std::string tools_hash{};           ///< of the one list of tools that may be called; empty: any
  std::vector<DeclaredTool> tools{};  ///< `invoke` only; wins over a listed one of that name
  bool operator==(const ServerSettings&) const = default;
};

using SettingsByServer = std::map<std::string, ServerSettings, std::less<>>;

struct ServerConfig {
  std::string name{};
  std::string description{};
  std::variant<StdioEndpoint, HttpEndpoint> endpoint{};
  ServerSettings settings;
  bool operator==(const ServerConfig&) const = default;
};

/// What an mcp.json says. Servers that it disables are left out and named in `disabled`.
struct ServerSet {
  std::vector<ServerConfig> servers{};  ///< by name
  std::vector<std::string> disabled{};
  std::vector<std::string> warnings{};  ///< keys that nothing here understands
};

/// Finds a variable of the environment; nullptr when it is not set.
using Environment = const char* (*)(const char* name);

/// Reads mcp.json: {"mcpServers": {"name": {"command", "args", "env", "cwd"} | {"url", "headers", "oauth"}}},
/// with `type`, `disabled` and `description` where they are given. `${VAR}` and `${VAR:-default}` in values
/// of env, headers, args, command and url come from the environment. A setting for a server that the file
/// does not have is no error. Errors: config_error, with file, key and remedy; io_error when the file cannot
/// be read.
Result<ServerSet> load_servers(const std::filesystem::path& file, const SettingsByServer& settings,
                               Environment environment = nullptr);

/// The same from text; `source` stands in errors.
Result<ServerSet> parse_servers(std::string_view text, std::string_view source,
                                const SettingsByServer& settings, Environment environment = nullptr);

/// "never", "always", "retry_unknown". Errors: config_error.
Result<RetryPolicy> parse_retry_policy(std::string_view text);
/// "refuse", "defaults". Errors: config_error.
Result<Elicitation> parse_elicitation(std::string_view text);
/// "mcp", "invoke". Errors: config_error.
Result<Protocol> parse_protocol(std::string_view text);

}  // namespace geminga::mcp
