#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/error.hpp>

#include "mcp/call.hpp"
#include "mcp/server_config.hpp"
#include "mcp/tool.hpp"

namespace geminga::mcp {

enum class ServerState : std::uint8_t {
  starting,  ///< first start, or a restart after it died; its tools of before stay listed
  ready,
  failed,  ///< will be tried again with backoff; `reason` says why
};
std::string_view to_string(ServerState state);

struct ServerStatus {
  std::string name{};
  std::string description{};
  std::string transport{};  ///< "stdio", "http" or "invoke"
  ServerState state = ServerState::starting;
  std::string reason{};                    ///< why it is not ready, or why it died last; empty otherwise
  std::string authorization_url{};         ///< what a person must open before it serves us; empty: nothing
  std::vector<std::string> stderr_tail{};  ///< its last lines
  std::string server_name{};               ///< as it names itself
  std::string server_version{};
  std::string protocol_version{};
  std::string breaker{};     ///< "closed", "open", "trying"; empty: it has none
  std::string tools_hash{};  ///< of the list as the server gave it last; empty: not yet
  std::vector<std::string>
      tools_changed{};  ///< what is different from the list before that, or from the pinned
  std::size_t tools = 0;
  std::size_t in_flight = 0;
  std::size_t queued = 0;
  std::uint64_t restarts = 0;
  std::uint64_t calls = 0;
  std::uint64_t late_answers = 0;  ///< answers to calls that had ended
  std::uint64_t noise_lines = 0;   ///< what it wrote to stdout that is no message
};

struct RegistryStatus {
  std::vector<ServerStatus> servers{};  ///< by name
  std::vector<std::string> disabled{};  ///< by mcp.json
  std::vector<std::string> warnings{};  ///< about mcp.json
  std::string config_error{};           ///< why the last reload was refused; the set before it stays
  std::uint64_t catalogue_generation = 0;
  bool settled = false;
};

struct RegistryOptions {
  std::filesystem::path config_file{};  ///< mcp.json; empty: no servers
  SettingsByServer settings{};
  /// The program that watches over each stdio server, and what stands before the server's own command. It
  /// must end in reaper_main() (reaper.hpp).
  std::filesystem::path reaper_program = "/proc/self/exe";
  std::vector<std::string> reaper_arguments = {"mcp-reaper"};
  /// Where the tokens of OAuth are kept, one file a server, mode 0600. Empty: they end with this object.
  std::filesystem::path token_folder{};
  /// Where the tools of each server are kept, to see what changes between two processes. Empty: only within
  /// one.
  std::filesystem::path tools_folder{};
  std::chrono::milliseconds settle_deadline{10'000};  ///< settled at the latest this long after the start
  bool watch = true;  ///< reload when the file changes; otherwise only by reload()
  std::chrono::milliseconds restart_delay_min{500};  ///< doubles with each failure in a row
  std::chrono::milliseconds restart_delay_max{30'000};
  std::chrono::milliseconds list_refresh_min{60'000};  ///< between two askings for the tools without a reason
};

/// The MCP servers of one mcp.json and their tools. Any thread may call any member; nothing blocks but
/// reload() and stop(). Callbacks run on the registry's own thread, must not block, and may call any member
/// but those two.
class Registry {
 public:
  virtual ~Registry() = default;

  /// The tools as they are now. A server that dies or times out keeps its tools here.
  [[nodiscard]] virtual CataloguePtr catalogue() const = 0;
  [[nodiscard]] virtual RegistryStatus status() const = 0;
  /// The settings of a server; nothing for an unknown one.
  [[nodiscard]] virtual std::optional<ServerSettings> settings(std::string_view server) const = 0;

  /// Calls a tool; `arguments` is the JSON text of an object, empty for {}. See CallDone.
  virtual CallId call(std::string_view server, std::string_view tool, std::string arguments,
                      CallOptions options, CallDone done) = 0;
  /// Ends a call with ErrorCode::cancelled and tells the server; not_executed when it had not left yet,
  /// otherwise outcome_unknown. Without effect on a call that has ended.
  virtual void cancel(CallId call) = 0;

  /// Runs `listener` after every change of the catalogue. Returns a number for unlisten().
  virtual std::uint64_t listen(std::function<void(CataloguePtr)> listener) = 0;
  /// After it returns the listener does not run any more (unless called from it).
  virtual void unlisten(std::uint64_t listener) = 0;

  /// True once every configured server has listed its tools or failed to, or the deadline has passed.
  [[nodiscard]] virtual bool settled() const = 0;
  /// Runs `then` once that is so; soon when it is so already.
  virtual void when_settled(std::move_only_function<void()> then) = 0;

  /// Reads the file again and applies the difference; servers that did not change are not touched. On an
  /// error the set of before stays and status() says so. Errors: config_error, io_error.
  virtual Result<> reload() = 0;

  /// Ends all calls (ErrorCode::closed) and all servers with every process they started, within 2 s.
  /// Idempotent.
  virtual void stop() = 0;
};

/// Starts all servers at once and returns without waiting for them. Errors: config_error, io_error (the
/// file).
Result<std::unique_ptr<Registry>> open_registry(RegistryOptions options);

}  // namespace geminga::mcp
