#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <geminga/error.hpp>

#include "mcp/call.hpp"
#include "wire/mcp/json_rpc.hpp"

namespace geminga::mcp {

/// How long the server has to take the last messages and to end by itself.
inline constexpr std::chrono::milliseconds kClosingGrace{200};

/// What stands in a request beside its text, for transports that show it to those who do not read texts.
struct RequestHead {
  std::string method{};
  std::string name{};  ///< of the tool or the task; empty where there is none
  std::vector<std::pair<std::string, std::string>> headers{};  ///< arguments that a tool wants as headers too
};

/// Carries the JSON-RPC messages of one connection. It lives on the registry's loop: every member and every
/// event runs there. Events may end the call they come from by close(), but must not destroy the transport.
class Transport {
 public:
  struct Events {
    std::function<void(wire::mcp::Message)> on_message;
    /// No answer will come to this request.
    std::function<void(std::int64_t request, CallFailure)> on_request_failed;
    /// The server does not know our session any more and has not looked at this request.
    std::function<void(std::int64_t request)> on_session_lost;
    /// The connection has ended by itself; nothing but on_gone comes after it.
    std::function<void(Error)> on_down;
    /// After close() or on_down: nothing is left of it, no process either.
    std::function<void()> on_gone;
  };

  virtual ~Transport() = default;
  virtual void start(Events events) = 0;
  virtual void send_request(std::int64_t id, std::string text, RequestHead head) = 0;
  /// A notification, or an answer to the server. `taken` runs when what is sent next cannot overtake it.
  virtual void send(std::string text, std::function<void()> taken = {}) = 0;
  /// How many messages of send() have not left.
  [[nodiscard]] virtual std::size_t unsent() const = 0;
  /// Nobody waits for the answer to this request any more; what has not left does not leave.
  virtual void forget(std::int64_t id) = 0;
  /// False while not a byte of it has left.
  [[nodiscard]] virtual bool left(std::int64_t id) const = 0;
  /// Each request has a stream of its own: to forget it is to cancel it, and its failure is heard of.
  [[nodiscard]] virtual bool stream_per_request() const { return false; }
  /// The handshake is about to start; what was agreed on before is void.
  virtual void handshake_begins() {}
  virtual void handshake_ended(std::string_view protocol_version) { static_cast<void>(protocol_version); }
  /// From now on there is no session, and each request stands for itself (protocol 2026-07-28).
  virtual void stateless_begins(std::string_view protocol_version) { static_cast<void>(protocol_version); }
  /// Ends it; on_gone follows. What send() took before still leaves where the server takes it within
  /// kClosingGrace; requests that had not left do not. Idempotent.
  virtual void close() = 0;

  [[nodiscard]] virtual std::vector<std::string> stderr_tail() const { return {}; }
  [[nodiscard]] virtual std::uint64_t noise_lines() const { return 0; }
};

}  // namespace geminga::mcp
