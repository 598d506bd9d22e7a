#pragma once

#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/event_loop.hpp"
#include "mcp/answer_check.hpp"
#include "mcp/pinned_tools.hpp"
#include "mcp/registry.hpp"
#include "mcp/throttle.hpp"
#include "mcp/upstream.hpp"

namespace geminga::mcp::oauth {
class Authorizer;
}

namespace geminga::mcp {

/// One configured server over all its lives: starts it, starts it again when it dies, keeps its tools
/// meanwhile, and holds every call from call() to its one end. It lives on the registry's loop.
class Server {
 public:
  struct Surroundings {
    base::EventLoop* loop = nullptr;
    std::function<std::unique_ptr<Upstream>(const ServerConfig&)> connect;
    std::shared_ptr<oauth::Authorizer> authorizer;  ///< that connect() uses; nullptr: none
    std::filesystem::path pins_file{};              ///< see ToolPins
    PinnedTools::WriteLater write_later;
    std::chrono::milliseconds restart_delay_min{};
    std::chrono::milliseconds restart_delay_max{};
    std::function<void()> on_tools;    ///< its tools have changed
    std::function<void()> on_settled;  ///< once: it has listed its tools, or failed to
    std::function<void()> on_gone;     ///< once, after close(): nothing is left of it
  };

  /// `known_tools`: what was listed under this name before its configuration changed.
  Server(ServerConfig config, Surroundings surroundings, std::vector<Tool> known_tools);

  void start();
  /// What stood in its way is gone: not after the pause, but now.
  void try_again();
  void call(CallId id, std::string tool, std::string arguments, CallOptions options, CallDone done);
  /// False when it has no such call.
  bool cancel(CallId id);
  void close();

  [[nodiscard]] const ServerConfig& config() const { return config_; }
  [[nodiscard]] const std::vector<Tool>& tools() const { return tools_; }
  [[nodiscard]] bool settled() const { return settled_; }
  [[nodiscard]] bool gone() const { return closed_ && upstream_ == nullptr; }
  [[nodiscard]] ServerStatus status() const;

 private:
  struct ActiveCall {
    std::string tool;
    std::string arguments;
    CallOptions options;
    CallDone done;
    std::unique_ptr<base::Timer> timer;
    base::MonotonicTime latest_end;
    bool in_flight = false;
    std::int64_t upstream_id = 0;
  };

  void connect();
  void ready(const ServerIdentity& identity, std::vector<Tool> tools);
  void take_tools(std::vector<Tool> tools);
  [[nodiscard]] const Tool* find_tool(const std::string& name) const;
  [[nodiscard]] CallOutcome checked(const std::string& tool, CallOutcome outcome);
  void down(Error error);
  void upstream_gone();
  void restart();
  void settle();
  void pump();
  void dispatch(std::uint64_t id, ActiveCall& call);
  void finish(std::uint64_t id, CallOutcome outcome);
  void timed_out(std::uint64_t id);
  void progressed(std::uint64_t id, const Progress& progress);
  void fail_queued(FailureClass kind, const Error& error);
  void ended(const CallOutcome& outcome);
  [[nodiscard]] std::chrono::milliseconds timeout_of(const ActiveCall& call) const;

  const ServerConfig config_;
  const Surroundings surroundings_;
  std::vector<Tool> tools_;  // sorted by name
  PinnedTools pins_;
  AnswerCheck answers_;  // of tools_
  std::unique_ptr<Upstream> upstream_;
  ServerState state_ = ServerState::starting;
  bool settled_ = false;
  bool closed_ = false;
  bool again_at_once_ = false;  // after upstream_ has gone
  std::string reason_;
  std::vector<std::string> stderr_tail_;
  ServerIdentity identity_;
  Throttle throttle_;
  base::Timer start_timer_;
  base::Timer restart_timer_;
  base::MonotonicTime ready_since_{};
  unsigned failures_in_row_ = 0;
  std::uint64_t restarts_ = 0;
  std::uint64_t calls_made_ = 0;
  Upstream::Counters past_;  // of earlier lives
  std::map<std::uint64_t, ActiveCall> calls_;
  std::deque<std::uint64_t> queue_;  // calls that wait; some may have ended meanwhile
  std::size_t queued_ = 0;
  std::size_t in_flight_ = 0;
  bool pumping_ = false;
};

}  // namespace geminga::mcp
