// How a session begins: is the server one without sessions, and if not, the handshake.
#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.hpp"
#include "mcp/failure.hpp"
#include "mcp/session.hpp"
#include "mcp/session_parts.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::mcp {
namespace {

// A server of before may say nothing at all to a request that it does not know. One that is only slow loses
// nothing: whichever answer says yes counts.
constexpr std::chrono::milliseconds kPatience{3'000};
constexpr std::chrono::milliseconds kAskAgain{2'000};

bool speaks(const std::vector<std::string>& versions, std::string_view version) {
  return std::ranges::find(versions, version) != versions.end();
}

bool speaks_by_handshake(const std::vector<std::string>& versions) {
  return std::ranges::any_of(wire::mcp::handshake_versions(),
                             [&](std::string_view version) { return speaks(versions, version); });
}

// The request came to a server that did not know what to do with it.
bool not_understood(const CallFailure& failure) {
  if (failure.http_status) {
    constexpr int kOtherReasons[] = {401, 403, 407, 429, 502, 503, 504};
    return std::ranges::find(kOtherReasons, *failure.http_status) == std::end(kOtherReasons);
  }
  return failure.rpc_code.has_value();
}

}  // namespace

// --- without sessions
// ---------------------------------------------------------------------------------------------

void Session::discover() {
  stateless_ = true;
  transport_->stateless_begins(wire::mcp::kStatelessVersion);
  discovery_ = request({.method = "server/discover"}, nlohmann::json::object(),
                       [this](const Answer& answer) { take_discovered(answer); });
  if (*era_ == Era::unknown && !transport_->stream_per_request())
    patience_.set_after(kPatience, [this] { handshake(); });
}

void Session::take_discovered(const Answer& answer) {
  discovery_ = 0;
  patience_.cancel();
  if (down_) return;
  if (!answer) return not_discovered(answer.error());
  auto found = wire::mcp::read_discover_result(body_of(*answer));
  if (found && speaks(found->versions, wire::mcp::kStatelessVersion))
    return take_stateless(*std::move(found));
  if (found && !speaks_by_handshake(found->versions)) {
    return down({ErrorCode::protocol_error,
                 fmt::format("server '{}' speaks the protocol versions {}; this client speaks {} and {}",
                             server_, fmt::join(found->versions, ", "), wire::mcp::kStatelessVersion,
                             fmt::join(wire::mcp::handshake_versions(), ", "))});
  }
  if (initialize_ == 0) handshake();
}

void Session::not_discovered(const CallFailure& failure) {
  const int code = failure.rpc_code.value_or(0);
  if (code == wire::mcp::kUnsupportedVersion) {
    const auto data = wire::mcp::parse_json(failure.rpc_data);
    const auto versions = data ? wire::mcp::supported_versions(*data) : std::vector<std::string>();
    if (speaks(versions, wire::mcp::kStatelessVersion) && !std::exchange(discovered_twice_, true))
      return discover();
    if (speaks_by_handshake(versions) && initialize_ == 0) return handshake();
  }
  const bool is_modern = code == wire::mcp::kUnsupportedVersion || code == wire::mcp::kHeaderMismatch ||
                         code == wire::mcp::kMissingClientCapability;
  const bool says_nothing_new =
      !not_understood(failure) || (is_modern && code != wire::mcp::kUnsupportedVersion);
  if (asking_ && was_stateless_ && says_nothing_new) return asked_in_vain();
  if (is_modern || !not_understood(failure)) return down(Error(failure.error).with("server/discover"));
  if (initialize_ == 0) handshake();
}

void Session::take_stateless(wire::mcp::DiscoverResult found) {
  in_handshake_ = false;  // one may have begun and failed meanwhile
  if (initialize_ != 0) forget(initialize_);
  *era_ = Era::stateless;
  stateless_ = true;
  identity_ = {std::move(found.server_name), std::move(found.server_version),
               std::string(wire::mcp::kStatelessVersion)};
  has_tools_ = found.has_tools;
  tells_list_changes_ = found.tells_list_changes;
  if (has_tools_) return list();
  begun({});
}

// It has said how it speaks and what it has.
void Session::begun(std::vector<Tool> tools) {
  ready_ = true;
  asking_ = false;
  ask_timer_.cancel();
  if (stateless_ && tells_list_changes_) listen();
  events_.on_ready(identity_, std::move(tools));
  send_waiting();
}

// The next life begins with what this one did not try: a server that says nothing to what it does not know
// is met by handshake. Where one has died of the question, at once.
void Session::learn_from_end() {
  if (ready_ && !asking_) return;
  const bool said_nothing = discovery_ != 0 && *era_ == Era::unknown && !ready_;
  worth_another_try_ = said_nothing && !transport_->stream_per_request();
  *era_ = said_nothing ? Era::handshake : Era::unknown;
}

// --- a server that may be another one by now
// --------------------------------------------------------------------------------------------------------

// A refusal of one call says little about the server, so it is asked; and not each time.
void Session::ask_anew() {
  if (asking_ || down_ || !ready_) return;
  const base::MonotonicTime now = base::Clock::system().monotonic_now();
  if (now < ask_next_) return ask_timer_.set(ask_next_, [this] { ask_anew(); });
  ask_next_ = now + kAskAgain;
  log::info("mcp", "server '{}' may be another one by now and is asked anew how it speaks", server_);
  asking_ = true;
  was_stateless_ = stateless_;
  discovered_twice_ = false;
  *era_ = Era::unknown;
  forget_lists();
  ask_timer_.set_after(options_.list_timeout, [this] {
    if (was_stateless_ && initialize_ == 0 && discovery_ != 0) {
      forget(discovery_);
      return asked_in_vain();
    }
    down({ErrorCode::timeout, fmt::format("server '{}' was asked anew how it speaks and did not say within "
                                          "{} ms",
                                          server_, options_.list_timeout.count())});
  });
  discover();
}

// What stands in the way of the question says nothing about the server: it is taken for what it was.
void Session::asked_in_vain() {
  *era_ = Era::stateless;
  asking_ = false;
  ask_timer_.cancel();
  list();
  if (tells_list_changes_) listen();
  send_waiting();
}

// --- handshake
// ----------------------------------------------------------------------------------------------------

void Session::handshake() {
  stateless_ = false;
  in_handshake_ = true;
  transport_->handshake_begins();
  initialize_ = request({.method = std::string(kInitialize)},
                        wire::mcp::initialize_params(kClientName, kClientVersion,
                                                     options_.elicitation == Elicitation::defaults),
                        [this](const Answer& answer) { take_initialize(answer); });
}

void Session::take_initialize(const Answer& answer) {
  initialize_ = 0;
  if (down_) return;
  if (!answer) {
    if (discovery_ != 0) return;  // a server without sessions that is slow: its other answer counts
    return down(Error(answer.error().error).with(kInitialize));
  }
  const auto result = wire::mcp::read_initialize_result(body_of(*answer));
  if (!result) return down(result.error());
  if (discovery_ != 0) forget(discovery_);
  patience_.cancel();
  stateless_ = false;  // it may have been asked anew how it speaks
  *era_ = Era::handshake;
  identity_ = {result->server_name, result->server_version, result->protocol_version};
  has_tools_ = result->has_tools;
  tells_list_changes_ = false;  // it does so unasked
  transport_->send(wire::mcp::encode_notification("notifications/initialized", ""),
                   [this] { handshake_done(); });
}

void Session::handshake_done() {
  if (down_) return;
  in_handshake_ = false;
  transport_->handshake_ended(identity_.protocol_version);
  for (const std::int64_t id : std::exchange(lost_, {})) {
    const Pending& pending = pending_.at(id);
    transport_->send_request(id, pending.text, pending.head);
  }
  if (has_tools_) return list();
  if (!ready_ || asking_) begun({});
}

}  // namespace geminga::mcp
