#include "mcp/server.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "mcp/failure.hpp"
#include "mcp/oauth/authorizer.hpp"

namespace geminga::mcp {
namespace {

constexpr std::chrono::seconds kLivedLongEnough{10};  // a death after this is not the next in a row
constexpr int kProgressExtendsMax = 10;               // a call may take this many time-outs, with progress
constexpr std::chrono::milliseconds kLimitedRetry{100};

base::MonotonicTime now() {
  return base::Clock::system().monotonic_now();
}

std::string transport_name(const ServerConfig& config) {
  if (config.settings.protocol == Protocol::invoke) return "invoke";
  return std::holds_alternative<StdioEndpoint>(config.endpoint) ? "stdio" : "http";
}

CallOutcome failed(FailureClass kind, ErrorCode code, std::string message) {
  return std::unexpected(CallFailure{.kind = kind, .error = {code, std::move(message)}});
}

CallOutcome limited(std::string message, std::chrono::milliseconds retry_after) {
  return std::unexpected(CallFailure{.kind = FailureClass::limited,
                                     .error = {ErrorCode::overloaded, std::move(message)},
                                     .retry_after = retry_after});
}

/// What an outcome says of the server.
Throttle::End end_of(const CallOutcome& outcome) {
  if (outcome) return Throttle::End::answered;
  const auto code = outcome.error().error.code;
  if (code == ErrorCode::cancelled || code == ErrorCode::closed) return Throttle::End::not_tried;
  switch (outcome.error().kind) {
    case FailureClass::limited:
      return Throttle::End::not_tried;
    case FailureClass::final:
      return Throttle::End::answered;
    case FailureClass::not_executed:
    case FailureClass::outcome_unknown:
    case FailureClass::unknown:
      break;
  }
  return Throttle::End::failed;
}

}  // namespace

Server::Server(ServerConfig config, Surroundings surroundings, std::vector<Tool> known_tools)
    : config_(std::move(config)),
      surroundings_(std::move(surroundings)),
      tools_(std::move(known_tools)),
      pins_(config_.name, config_.settings.tools_hash, ToolPins(surroundings_.pins_file),
            surroundings_.write_later),
      throttle_(config_.settings),
      start_timer_(*surroundings_.loop),
      restart_timer_(*surroundings_.loop) {}

// --- lives
// --------------------------------------------------------------------------------------------------------

void Server::start() {
  connect();
}

void Server::connect() {
  upstream_ = surroundings_.connect(config_);
  start_timer_.set_after(config_.settings.start_timeout, [this] {
    down({ErrorCode::timeout,
          fmt::format("server '{}' did not finish initialize and tools/list within {} ms; start_timeout in "
                      "[servers.{}] of "
                      "geminga.toml allows more",
                      config_.name, config_.settings.start_timeout.count(), config_.name)});
    // Where nothing of it is under way it is gone before close() returns.
    if (upstream_ != nullptr) upstream_->close();
  });
  upstream_->start({.on_ready = [this](const ServerIdentity& identity,
                                       std::vector<Tool> tools) { ready(identity, std::move(tools)); },
                    .on_tools = [this](std::vector<Tool> tools) { take_tools(std::move(tools)); },
                    .on_down = [this](Error error) { down(std::move(error)); },
                    .on_gone = [this] { upstream_gone(); }});
}

void Server::ready(const ServerIdentity& identity, std::vector<Tool> tools) {
  start_timer_.cancel();
  identity_ = identity;
  state_ = ServerState::ready;
  ready_since_ = now();
  reason_.clear();
  log::info("mcp", "server '{}' is ready: {} {}, protocol {}, {} tools", config_.name, identity.name,
            identity.version, identity.protocol_version, tools.size());
  take_tools(std::move(tools));
  settle();
  pump();
}

void Server::take_tools(std::vector<Tool> tools) {
  std::ranges::stable_sort(tools, {}, &Tool::name);
  const auto repeated = std::ranges::unique(tools, {}, &Tool::name);
  if (!repeated.empty())
    log::warn("mcp", "server '{}' lists {} names more than once; one of each counts", config_.name,
              repeated.size());
  tools.erase(repeated.begin(), repeated.end());
  PinnedTools::Verdict verdict = pins_.take(std::move(tools));
  for (const std::string& remark : verdict.remarks) log::warn("mcp", "{}", remark);
  if (verdict.usable == tools_) return;
  tools_ = std::move(verdict.usable);
  answers_.clear();
  surroundings_.on_tools();
}

const Tool* Server::find_tool(const std::string& name) const {
  const auto found = std::ranges::lower_bound(tools_, name, {}, &Tool::name);
  return found != tools_.end() && found->name == name ? &*found : nullptr;
}

void Server::down(Error error) {
  if (closed_) return;
  start_timer_.cancel();
  reason_ = error.message;
  again_at_once_ = upstream_->worth_another_try();
  if (again_at_once_) {
    if (state_ == ServerState::ready) state_ = ServerState::starting;
    log::info("mcp", "server '{}' is started anew: {}", config_.name, error.message);
    return;
  }
  const bool was_ready = state_ == ServerState::ready;
  if (was_ready && now() - ready_since_ >= kLivedLongEnough) failures_in_row_ = 0;
  ++failures_in_row_;
  log::warn("mcp", "server '{}' {}: {}", config_.name, was_ready ? "died" : "cannot be used", error.message);
  if (was_ready) {
    state_ = ServerState::starting;  // new calls wait for the restart
    return;
  }
  state_ = ServerState::failed;
  fail_queued(FailureClass::not_executed,
              {ErrorCode::unavailable, fmt::format("server '{}': {}", config_.name, reason_)});
  settle();
}

void Server::upstream_gone() {
  stderr_tail_ = upstream_->stderr_tail();
  const Upstream::Counters counters = upstream_->counters();
  past_.late_answers += counters.late_answers;
  past_.noise_lines += counters.noise_lines;
  surroundings_.loop->post([dead = std::move(upstream_)]() mutable { dead.reset(); });
  if (closed_) return surroundings_.on_gone();
  if (std::exchange(again_at_once_, false)) return connect();
  const unsigned doublings = std::min(failures_in_row_ - std::min(failures_in_row_, 1U), 16U);
  const auto delay =
      std::min(surroundings_.restart_delay_min * (1U << doublings), surroundings_.restart_delay_max);
  restart_timer_.set_after(delay, [this] { restart(); });
}

void Server::restart() {
  ++restarts_;
  connect();
}

void Server::try_again() {
  if (closed_ || upstream_ != nullptr) return;
  restart_timer_.cancel();
  restart();
}

void Server::settle() {
  if (!std::exchange(settled_, true)) surroundings_.on_settled();
}

void Server::close() {
  if (closed_) return;
  closed_ = true;
  start_timer_.cancel();
  restart_timer_.cancel();
  if (surroundings_.authorizer != nullptr) surroundings_.authorizer->close();
  const Error error{ErrorCode::closed, fmt::format("server '{}' is being stopped", config_.name)};
  fail_queued(FailureClass::not_executed, error);
  if (upstream_ == nullptr) return surroundings_.on_gone();
  upstream_->close();
}

// --- calls
// --------------------------------------------------------------------------------------------------------

std::chrono::milliseconds Server::timeout_of(const ActiveCall& call) const {
  return call.options.timeout.value_or(config_.settings.timeout);
}

void Server::call(CallId id, std::string tool, std::string arguments, CallOptions options, CallDone done) {
  if (closed_)
    return done(failed(FailureClass::not_executed, ErrorCode::closed, "the registry is being stopped"));
  if (queued_ >= config_.settings.max_queued)
    return done(
        limited(fmt::format("{} calls wait for server '{}' already", queued_, config_.name), kLimitedRetry));
  if (const auto held = throttle_.admit(now()))
    return done(
        limited(fmt::format("server '{}' is not called: {}", config_.name, held->why), held->retry_after));
  if (state_ == ServerState::failed) {
    auto outcome = failed(FailureClass::not_executed, ErrorCode::unavailable,
                          fmt::format("server '{}' cannot be used: {}", config_.name, reason_));
    ended(outcome);
    return done(std::move(outcome));
  }
  ActiveCall& call = calls_[id.value];
  call.tool = std::move(tool);
  call.arguments = std::move(arguments);
  call.options = std::move(options);
  call.done = std::move(done);
  const auto timeout = timeout_of(call);
  call.latest_end = now() + timeout * kProgressExtendsMax;
  call.timer = std::make_unique<base::Timer>(*surroundings_.loop);
  call.timer->set_after(timeout, [this, number = id.value] { timed_out(number); });
  queue_.push_back(id.value);
  ++queued_;
  pump();
}

void Server::pump() {
  if (std::exchange(pumping_, true)) return;  // a call may end while it is sent
  while (state_ == ServerState::ready && !queue_.empty() && in_flight_ < config_.settings.max_concurrent) {
    const std::uint64_t id = queue_.front();
    queue_.pop_front();
    const auto found = calls_.find(id);
    if (found == calls_.end()) continue;
    --queued_;
    dispatch(id, found->second);
  }
  pumping_ = false;
}

void Server::dispatch(std::uint64_t id, ActiveCall& call) {
  call.in_flight = true;
  ++in_flight_;
  if (find_tool(call.tool) == nullptr) {
    return finish(id, failed(FailureClass::final, ErrorCode::unknown_tool,
                             fmt::format("server '{}' has no tool '{}'", config_.name, call.tool)));
  }
  ++calls_made_;
  Upstream::Call request{.tool = call.tool,
                         .arguments = std::move(call.arguments),
                         .idempotency_key = call.options.idempotency_key,
                         .traceparent = call.options.traceparent,
                         .done = [this, id, tool = call.tool](
                                     CallOutcome outcome) { finish(id, checked(tool, std::move(outcome))); },
                         .on_progress = [this, id](const Progress& progress) { progressed(id, progress); }};
  const std::int64_t upstream_id = upstream_->call(std::move(request));
  if (const auto found = calls_.find(id); found != calls_.end()) found->second.upstream_id = upstream_id;
}

void Server::finish(std::uint64_t id, CallOutcome outcome) {
  auto node = calls_.extract(id);
  if (node.empty()) return;
  ActiveCall& call = node.mapped();
  call.timer.reset();
  if (call.in_flight) {
    --in_flight_;
  } else {
    --queued_;  // its number in queue_ is passed over later
  }
  if (!outcome) {
    log::debug("mcp", "call of '{}' on server '{}' failed ({}): {}", call.tool, config_.name,
               to_string(outcome.error().kind), outcome.error().error.message);
  }
  ended(outcome);
  call.done(std::move(outcome));
  pump();
}

CallOutcome Server::checked(const std::string& name, CallOutcome outcome) {
  const Tool* tool = find_tool(name);
  std::string complaint;
  if (outcome && tool != nullptr && config_.settings.check_structured)
    complaint = answers_.complaint(*tool, *outcome);
  if (outcome) outcome->structured_value.reset();
  if (complaint.empty()) return outcome;
  return failed(FailureClass::final, ErrorCode::schema_mismatch,
                fmt::format("'{}' on server '{}' answered with what does not fit its outputSchema: {}; "
                            "check_structured = false in [servers.{}] of geminga.toml takes it all the same",
                            name, config_.name, complaint, config_.name));
}

void Server::ended(const CallOutcome& outcome) {
  const auto before = throttle_.breaker(now());
  throttle_.ended(end_of(outcome), now());
  const auto after = throttle_.breaker(now());
  if (before != after && after == "open")
    log::warn("mcp", "the circuit breaker of server '{}' opens for {} ms", config_.name,
              config_.settings.breaker_pause.count());
  else if (before != after && after == "closed")
    log::info("mcp", "the circuit breaker of server '{}' closes", config_.name);
}

void Server::timed_out(std::uint64_t id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  const ActiveCall& call = found->second;
  const auto timeout = timeout_of(call);
  if (!call.in_flight) {
    const FailureClass kind =
        state_ == ServerState::ready ? FailureClass::limited : FailureClass::not_executed;
    return finish(id, failed(kind, ErrorCode::timeout,
                             fmt::format("waited {} ms for a free place at server '{}'", timeout.count(),
                                         config_.name)));
  }
  const bool left = upstream_->abandon(call.upstream_id, "timed out");
  Error error{ErrorCode::timeout, fmt::format("'{}' on server '{}' did not answer within {} ms", call.tool,
                                              config_.name, timeout.count())};
  finish(id, std::unexpected(ended_without_answer(std::move(error), left)));
}

void Server::progressed(std::uint64_t id, const Progress& progress) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  ActiveCall& call = found->second;
  call.timer->set(std::min(now() + timeout_of(call), call.latest_end), [this, id] { timed_out(id); });
  if (call.options.on_progress) call.options.on_progress(progress);
}

bool Server::cancel(CallId id) {
  const auto found = calls_.find(id.value);
  if (found == calls_.end()) return false;
  const bool left = found->second.in_flight && upstream_->abandon(found->second.upstream_id, "cancelled");
  finish(
      id.value,
      std::unexpected(ended_without_answer(
          {ErrorCode::cancelled, fmt::format("the call of '{}' was cancelled", found->second.tool)}, left)));
  return true;
}

void Server::fail_queued(FailureClass kind, const Error& error) {
  for (const std::uint64_t id : std::exchange(queue_, {})) {
    if (calls_.contains(id)) finish(id, std::unexpected(CallFailure{.kind = kind, .error = error}));
  }
}

ServerStatus Server::status() const {
  const Upstream::Counters counters = upstream_ == nullptr ? Upstream::Counters{} : upstream_->counters();
  return {.name = config_.name,
          .description = config_.description,
          .transport = transport_name(config_),
          .state = state_,
          .reason = reason_,
          .authorization_url =
              surroundings_.authorizer == nullptr ? "" : surroundings_.authorizer->invitation_url(),
          .stderr_tail = upstream_ == nullptr || upstream_->stderr_tail().empty() ? stderr_tail_
                                                                                  : upstream_->stderr_tail(),
          .server_name = identity_.name,
          .server_version = identity_.version,
          .protocol_version = identity_.protocol_version,
          .breaker = std::string(throttle_.breaker(now())),
          .tools_hash = pins_.hash(),
          .tools_changed = pins_.changes(),
          .tools = tools_.size(),
          .in_flight = in_flight_,
          .queued = queued_,
          .restarts = restarts_,
          .calls = calls_made_,
          .late_answers = past_.late_answers + counters.late_answers,
          .noise_lines = past_.noise_lines + counters.noise_lines};
}

}  // namespace geminga::mcp
