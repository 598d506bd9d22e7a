#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/event_loop.hpp"
#include "mcp/session.hpp"

namespace geminga::mcp {

/// A transport that only remembers what it is given: the test is the server. As over HTTP each request has a
/// stream of its own.
class ScriptTransport final : public Transport {
 public:
  struct Sent {
    std::int64_t id = 0;
    RequestHead head;
    nlohmann::json params;
  };

  void start(Events its) override { events = std::move(its); }
  void send_request(std::int64_t id, std::string text, RequestHead head) override {
    sent.push_back({id, std::move(head), nlohmann::json::parse(text).value("params", nlohmann::json())});
  }
  void send(std::string text, std::function<void()> taken) override {
    told.push_back(nlohmann::json::parse(text));
    if (taken) taken();
  }
  [[nodiscard]] std::size_t unsent() const override { return 0; }
  void forget(std::int64_t id) override { forgotten.insert(id); }
  [[nodiscard]] bool left(std::int64_t) const override { return true; }
  [[nodiscard]] bool stream_per_request() const override { return true; }
  void close() override {
    if (!std::exchange(closed, true)) events.on_gone();
  }

  Events events;
  std::vector<Sent> sent;
  std::vector<nlohmann::json> told;
  std::set<std::int64_t> forgotten;
  bool closed = false;
};

/// A session, and the test in the place of its server. Everything in on_loop() happens in one go: nothing
/// that the session posts or times comes between.
class SessionScript : public testing::Test {
 protected:
  ~SessionScript() override {
    on_loop([this] { session_.reset(); });
  }
  void on_loop(std::function<void()> step) {
    loop_.run([&step] { step(); });
  }

  void start() {
    auto transport = std::make_unique<ScriptTransport>();
    transport_ = transport.get();
    session_ = std::make_unique<Session>("s", std::move(transport), loop_, options_, era_);
    session_->start({.on_ready = [this](const ServerIdentity&, const std::vector<Tool>&) { ++ready_; },
                     .on_tools = [this](const std::vector<Tool>&) { ++listed_; },
                     .on_down = [this](const Error& error) { down_ = error.message; },
                     .on_gone = [this] { gone_ = true; }});
  }
  /// As a server without sessions with the tool `t`; `capabilities` of its tools.
  void begin_stateless(const nlohmann::json& capabilities = nlohmann::json::object()) {
    start();
    discovered(capabilities);
    answer("tools/list", kTools);
  }
  void begin_handshake() {
    start();
    refuse("server/discover", {.kind = FailureClass::final, .error = {}, .http_status = 400});
    initialized();
    answer("tools/list", kTools);
  }
  void discovered(const nlohmann::json& capabilities = nlohmann::json::object()) {
    answer("server/discover",
           {{"supportedVersions", {"2026-07-28"}}, {"capabilities", {{"tools", capabilities}}}});
  }
  void initialized() {
    answer("initialize",
           {{"protocolVersion", "2025-11-25"}, {"capabilities", {{"tools", nlohmann::json::object()}}}});
  }

  /// Calls `t`; the outcome stands under the number.
  std::int64_t call(const nlohmann::json& arguments = nlohmann::json::object()) {
    const std::int64_t number = ++calls_;
    ids_[number] = session_->call(
        {.tool = "t",
         .arguments = arguments.dump(),
         .idempotency_key = "",
         .traceparent = "",
         .done = [this, number](CallOutcome outcome) { outcomes_.emplace(number, std::move(outcome)); },
         .on_progress = {}});
    if (!transport_->sent.empty()) requests_[number] = transport_->sent.back().id;
    return number;
  }
  /// The request that carried it first.
  [[nodiscard]] std::int64_t request_of(std::int64_t number) const { return requests_.at(number); }
  [[nodiscard]] bool ended(std::int64_t number) const { return outcomes_.contains(number); }
  [[nodiscard]] std::string text(std::int64_t number) const {
    if (!ended(number)) return "(under way)";
    const CallOutcome& outcome = outcomes_.at(number);
    return outcome ? outcome->content : std::string(to_string(outcome.error().kind));
  }

  [[nodiscard]] std::size_t count(const std::string& method) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        transport_->sent, [&](const ScriptTransport::Sent& one) { return one.head.method == method; }));
  }
  /// The newest of that method.
  [[nodiscard]] ScriptTransport::Sent last(const std::string& method) const {
    for (auto one = transport_->sent.rbegin(); one != transport_->sent.rend(); ++one) {
      if (one->head.method == method) return *one;
    }
    ADD_FAILURE() << "nothing was sent to " << method;
    return {};
  }
  void answer(std::int64_t id, nlohmann::json result) {
    transport_->events.on_message({.kind = wire::mcp::MessageKind::response,
                                   .id = std::to_string(id),
                                   .number = id,
                                   .method = "",
                                   .body = std::make_shared<const nlohmann::json>(std::move(result)),
                                   .error_message = ""});
  }
  void answer(const std::string& method, nlohmann::json result) {
    answer(last(method).id, std::move(result));
  }
  void refuse(std::int64_t id, CallFailure failure) {
    transport_->events.on_request_failed(id, std::move(failure));
  }
  void refuse(const std::string& method, CallFailure failure) { refuse(last(method).id, std::move(failure)); }
  static CallFailure http_status(int status, FailureClass kind, std::optional<int> code = {}) {
    return {.kind = kind,
            .error = {ErrorCode::protocol_error, "HTTP status " + std::to_string(status)},
            .rpc_code = code,
            .http_status = status};
  }
  static nlohmann::json said(const std::string& text) { return {{"content", {text}}}; }
  /// An answer with which the server gives the work to a task.
  static nlohmann::json task(nlohmann::json more = nlohmann::json::object()) {
    nlohmann::json result{{"taskId", "T"}, {"status", "working"}, {"pollIntervalMs", 50}};
    result.update(more);
    return result;
  }

  static nlohmann::json question(const std::string& key) {
    return {{key,
             {{"method", "elicitation/create"},
              {"params", {{"requestedSchema", {{"properties", {{"n", {{"default", 1}}}}}}}}}}}};
  }

  static inline const nlohmann::json kTools{{"tools", {{{"name", "t"}}}}};
  base::EventLoop loop_{"test"};
  SessionOptions options_{.list_timeout = std::chrono::seconds{20}};
  std::shared_ptr<Era> era_ = std::make_shared<Era>(Era::unknown);
  ScriptTransport* transport_ = nullptr;
  std::unique_ptr<Session> session_;
  int ready_ = 0;
  int listed_ = 0;
  std::optional<std::string> down_;
  bool gone_ = false;
  std::int64_t calls_ = 0;
  std::map<std::int64_t, std::int64_t> ids_;       // at the session
  std::map<std::int64_t, std::int64_t> requests_;  // at the transport
  std::map<std::int64_t, CallOutcome> outcomes_;
};

}  // namespace geminga::mcp
