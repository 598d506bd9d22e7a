#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/error.hpp>

#include "mcp/call.hpp"
#include "mcp/tool.hpp"

namespace geminga::mcp {

struct ServerIdentity {
  std::string name;
  std::string version;
  std::string protocol_version;
};

/// One life of one server, whatever it speaks: from its start until nothing of it is left. It lives on the
/// registry's loop: every member and every event runs there. Events must not destroy it.
class Upstream {
 public:
  struct Events {
    /// The tools are listed; calls may begin. Once more where another server has come to the same address.
    std::function<void(const ServerIdentity&, std::vector<Tool>)> on_ready;
    /// They have changed.
    std::function<void(std::vector<Tool>)> on_tools;
    /// It has ended by itself, perhaps before it was ready; its calls have failed. Only on_gone comes after
    /// it.
    std::function<void(Error)> on_down;
    /// After close() or on_down: it may be destroyed (not from here).
    std::function<void()> on_gone;
  };
  struct Call {
    std::string tool;
    std::string arguments;
    std::string idempotency_key;
    std::string traceparent;
    CallDone done;  ///< may run inside call()
    std::function<void(const Progress&)> on_progress;
  };
  struct Counters {
    std::uint64_t late_answers = 0;
    std::uint64_t noise_lines = 0;
  };

  virtual ~Upstream() = default;
  virtual void start(Events events) = 0;
  /// Returns a number for abandon().
  virtual std::int64_t call(Call call) = 0;
  /// The call's `done` does not run any more. False when it had not left and never will.
  virtual bool abandon(std::int64_t call, std::string_view reason) = 0;
  /// After on_down: the next life will begin in another way, so there is no reason to wait for it.
  [[nodiscard]] virtual bool worth_another_try() const { return false; }
  /// Ends it and fails what runs (ErrorCode::closed). Idempotent.
  virtual void close() = 0;
  [[nodiscard]] virtual Counters counters() const = 0;
  [[nodiscard]] virtual std::vector<std::string> stderr_tail() const { return {}; }
};

}  // namespace geminga::mcp
