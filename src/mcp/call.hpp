#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <geminga/error.hpp>

namespace geminga::mcp {

/// What a failed call means for a retry (the retry table of the orchestrator).
enum class FailureClass : std::uint8_t {
  not_executed,     ///< never reached the tool: refused, DNS, TLS, spawn failed, 429, 503
  limited,          ///< our own limit held it back; nothing was sent, and no attempt is spent
  final,            ///< would fail again: 400, 401, 403, -32600, -32601, -32602, unknown tool or server
  outcome_unknown,  ///< it left and no answer came: time-out, reset, 502, 504, the server died, cancelled in
                    ///< flight
  unknown,          ///< any other error
};
std::string_view to_string(FailureClass kind);

/// The server answered the call. Both texts are JSON as the server gave it.
struct CallAnswer {
  std::string content = "[]";  ///< the content list
  std::string structured{};    ///< structuredContent; empty where there is none
  bool is_error = false;       ///< the tool itself failed; the content says why
  /// `structured` once more as a value, within this module, so that nobody reads it twice; null with callers.
  std::shared_ptr<const nlohmann::json> structured_value{};
};

struct CallFailure {
  FailureClass kind = FailureClass::unknown;
  Error error{};
  std::optional<std::chrono::milliseconds> retry_after{};  ///< the server's own wish, or ours with `limited`
  std::optional<int> rpc_code{};
  std::optional<int> http_status{};
  std::string rpc_data{};  ///< what the server adds to its error, JSON text; empty where it adds nothing
};

using CallOutcome = std::expected<CallAnswer, CallFailure>;

struct Progress {
  double progress = 0;
  std::optional<double> total{};
  std::string message{};
};

struct CallOptions {
  /// Instead of the server's setting; progress starts it anew.
  std::optional<std::chrono::milliseconds> timeout{};
  std::string idempotency_key{};                       ///< `_meta.idempotencyKey`, the same in every attempt
  std::string traceparent{};                           ///< `_meta.traceparent`
  std::function<void(const Progress&)> on_progress{};  ///< on the registry's thread; must not block
};

/// Runs exactly once for each call, on the registry's thread and never inside call() (but there after
/// stop()); must not block.
using CallDone = std::move_only_function<void(CallOutcome)>;

/// Names a call until it has ended.
struct CallId {
  std::uint64_t value = 0;
  bool operator==(const CallId&) const = default;
};

}  // namespace geminga::mcp
