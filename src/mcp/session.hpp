#pragma once

#include <chrono>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/event_loop.hpp"
#include "mcp/server_config.hpp"
#include "mcp/transport.hpp"
#include "mcp/upstream.hpp"
#include "wire/mcp/messages.hpp"
#include "wire/mcp/param_headers.hpp"
#include "wire/mcp/stateless.hpp"

namespace geminga::mcp {

/// How a server speaks: by handshake and session (protocol 2024-11-05 to 2025-11-25), or each request for
/// itself (2026-07-28).
enum class Era : std::uint8_t { unknown, handshake, stateless };

struct SessionOptions {
  std::chrono::milliseconds list_timeout{};  ///< of a listing after the first, which the owner watches over
  Elicitation elicitation = Elicitation::refuse;
  /// A list of tools is asked for again after the time that the server gives it, but no sooner than this.
  std::chrono::milliseconds refresh_min{60'000};
  std::chrono::milliseconds farewell{10'000};  ///< how long the answer to tasks/cancel is waited for
};

/// The client's side of MCP over any transport.
/// States: discovery (is it a server without sessions?) -> handshake where it is not -> listing -> ready ->
/// down. A session that the server has lost goes back to handshake; requests that it did not look at are sent
/// once more in the new one. Where a refusal looks as if another server had come to the address, a ready one
/// goes back to discovery: what runs goes on, and calls wait until the list has been read again.
class Session final : public Upstream {
 public:
  /// `era`: what is known from earlier lives of the server, and for later ones.
  Session(std::string server, std::unique_ptr<Transport> transport, base::EventLoop& loop,
          SessionOptions options, std::shared_ptr<Era> era);

  void start(Events events) override;
  std::int64_t call(Call call) override;
  bool abandon(std::int64_t call, std::string_view reason) override;
  void close() override;
  [[nodiscard]] bool worth_another_try() const override { return worth_another_try_; }
  [[nodiscard]] Counters counters() const override;
  [[nodiscard]] std::vector<std::string> stderr_tail() const override { return transport_->stderr_tail(); }

 private:
  using Answer = std::expected<wire::mcp::JsonPtr, CallFailure>;
  using AnswerDone = std::function<void(const Answer&)>;
  struct Pending {
    std::string text;
    RequestHead head;
    AnswerDone done;
    bool sent_again = false;
  };
  // A call of a tool, over all requests that it takes.
  struct ToolCall {
    Call call;
    nlohmann::json params;
    std::int64_t request = 0;  // under way; 0: none
    int rounds = 0;            // of questions that were answered
    bool listed_again = false;
    std::optional<wire::mcp::Task> task;  // that does the work by now
    std::set<std::string> answered;       // its questions that were
    int polls_failed = 0;                 // in a row
    std::unique_ptr<base::Timer> poll;
  };

  // session.cpp
  std::int64_t request(RequestHead head, nlohmann::json params, AnswerDone done);
  void give_up(std::int64_t request, std::string_view reason);
  void forget(std::int64_t& request);
  void finish(std::int64_t id, const Answer& answer);
  void tell_cancelled(std::int64_t request, std::string_view reason);
  void fail_all(const Error& error);
  void take(const wire::mcp::Message& message);
  void take_request(const wire::mcp::Message& message);
  void take_notification(const wire::mcp::Message& message);
  void session_lost(std::int64_t id);
  void end();
  void down(Error error);

  // session_start.cpp
  void discover();
  void take_discovered(const Answer& answer);
  void not_discovered(const CallFailure& failure);
  void take_stateless(wire::mcp::DiscoverResult found);
  void handshake();
  void take_initialize(const Answer& answer);
  void handshake_done();
  void begun(std::vector<Tool> tools);
  void ask_anew();
  void asked_in_vain();
  void learn_from_end();

  // session_tools.cpp
  void list();
  void list_page(const std::string& cursor);
  void take_page(const Answer& answer);
  [[nodiscard]] bool may_be_called(const wire::mcp::ToolDescription& tool);
  void list_timed_out();
  void list_failed(Error error);
  void list_done();
  void list_again_later(std::chrono::milliseconds wish);
  void listen();
  void listen_ended(const Answer& answer);
  void forget_lists();

  // session_call.cpp
  void send_round(std::int64_t number);
  void send_waiting();
  [[nodiscard]] bool may_have_run(const ToolCall& one) const;
  [[nodiscard]] bool may_be_another_server(const CallFailure& failure) const;
  void take_answer(std::int64_t number, const Answer& answer);
  void take_refusal(std::int64_t number, const CallFailure& failure);
  void answer_input(std::int64_t number, const nlohmann::json& result);
  std::expected<nlohmann::json, CallFailure> input_for(const wire::mcp::InputRequests& requests) const;
  void take_task(std::int64_t number, const Result<wire::mcp::Task>& task);
  void poll_later(std::int64_t number, std::chrono::milliseconds delay);
  void poll(std::int64_t number);
  void update_task(std::int64_t number);
  void take_updated(std::int64_t number, const Answer& answer);
  void cancel_task(const std::string& task);
  void task_request(std::int64_t number, std::string_view method, nlohmann::json params, AnswerDone done);
  void end_call(std::int64_t number, CallOutcome outcome);

  const std::string server_;
  std::unique_ptr<Transport> transport_;
  base::EventLoop& loop_;
  const SessionOptions options_;
  const std::shared_ptr<Era> era_;
  Events events_;
  ServerIdentity identity_;
  bool has_tools_ = false;
  bool stateless_ = false;  // requests carry `meta_`
  nlohmann::json meta_;     // who asks
  bool ready_ = false;
  bool down_ = false;
  bool worth_another_try_ = false;

  // While it begins.
  std::int64_t discovery_ = 0;  // the request; 0: none
  bool discovered_twice_ = false;
  bool in_handshake_ = false;
  std::int64_t initialize_ = 0;
  base::Timer patience_;  // with a server that says nothing to what it does not know
  // While it begins anew.
  bool asking_ = false;
  bool was_stateless_ = false;         // until it was asked
  base::MonotonicTime ask_next_{};     // not before
  base::Timer ask_timer_;              // until then, or ends the asking
  std::vector<std::int64_t> waiting_;  // calls, until the list has been read

  std::int64_t next_id_ = 1;
  std::map<std::int64_t, Pending> pending_;
  std::set<std::int64_t> lost_;  // to be sent again after the handshake
  std::uint64_t late_answers_ = 0;
  std::int64_t next_call_ = 1;
  std::map<std::int64_t, ToolCall> calls_;

  // The list of tools.
  bool listing_ = false;
  bool list_again_ = false;
  std::vector<Tool> listed_;
  std::set<std::string> cursors_;  // of this listing; a server that repeats one would never end
  using Headers = std::map<std::string, std::vector<wire::mcp::HeaderParam>>;
  Headers headers_;  // of tools that want some
  Headers listed_headers_;
  std::optional<std::chrono::milliseconds> fresh_for_;
  std::int64_t list_request_ = 0;
  base::Timer list_timer_;     // ends a listing
  base::Timer refresh_timer_;  // begins one
  // What the server tells unasked, where it is asked to.
  bool tells_list_changes_ = false;
  std::int64_t listen_request_ = 0;
  bool is_told_ = false;
  std::chrono::milliseconds listen_pause_{};  // doubles with each time in a row that it is not
  base::Timer listen_timer_;
};

/// The registry's form of a tool.
Tool to_tool(const std::string& server, wire::mcp::ToolDescription description);

}  // namespace geminga::mcp
