#pragma once

#include <chrono>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/event_loop.hpp"
#include "mcp/server_config.hpp"
#include "mcp/transport.hpp"
#include "mcp/upstream.hpp"
#include "wire/mcp/messages.hpp"

namespace geminga::mcp {

/// The client's side of MCP by handshake, protocol 2024-11-05 to 2025-11-25, over any transport.
/// States: handshake -> listing -> ready -> down. A session that the server has lost goes back to handshake;
/// requests that it did not look at are sent once more in the new one.
class Session final : public Upstream {
 public:
  /// Of `settings` it takes the start time-out, for a listing after the first (how long the first may take is
  /// the owner's business), and what a server hears that asks for values.
  Session(std::string server, std::unique_ptr<Transport> transport, base::EventLoop& loop,
          const ServerSettings& settings);

  void start(Events events) override;
  std::int64_t call(Call call) override;
  bool abandon(std::int64_t call, std::string_view reason) override;
  void close() override;
  [[nodiscard]] Counters counters() const override;
  [[nodiscard]] std::vector<std::string> stderr_tail() const override { return transport_->stderr_tail(); }

 private:
  using Answer = std::expected<wire::mcp::JsonPtr, CallFailure>;
  struct Pending {
    std::string text;
    std::function<void(Answer)> done;
    std::function<void(const Progress&)> on_progress;
    bool is_call = false;  ///< of a tool
    bool sent_again = false;
  };

  std::int64_t request(std::string_view method, std::string_view params, std::function<void(Answer)> done);
  void finish(std::int64_t id, Answer answer);
  void tell_cancelled(std::int64_t call, std::string_view reason);
  void fail_all(const Error& error);
  void take(const wire::mcp::Message& message);
  void take_request(const wire::mcp::Message& message);
  void take_notification(const wire::mcp::Message& message);
  void handshake();
  void take_initialize(const Answer& answer);
  void handshake_done();
  void session_lost(std::int64_t id);
  void list();
  void list_page(const std::string& cursor);
  void take_page(const Answer& answer);
  void list_timed_out();
  void list_failed(Error error);
  void list_done();
  void down(Error error);

  const std::string server_;
  std::unique_ptr<Transport> transport_;
  Events events_;
  ServerIdentity identity_;
  bool has_tools_ = false;
  bool in_handshake_ = false;
  bool ready_ = false;
  bool down_ = false;
  std::int64_t next_id_ = 1;
  std::map<std::int64_t, Pending> pending_;
  std::set<std::int64_t> lost_;  // to be sent again after the handshake
  bool listing_ = false;
  bool list_again_ = false;
  std::vector<Tool> listed_;
  std::set<std::string> cursors_;  // of this listing; a server that repeats one would never end
  std::int64_t list_request_ = 0;
  const std::chrono::milliseconds list_timeout_;
  const Elicitation elicitation_;
  base::Timer list_timer_;  // of a listing after the first, which start_timeout covers
  std::uint64_t late_answers_ = 0;
};

/// The registry's form of a tool.
Tool to_tool(const std::string& server, wire::mcp::ToolDescription description);

}  // namespace geminga::mcp
