#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/event_loop.hpp"
#include "mcp/registry.hpp"

namespace geminga::orchestrator::testing {

/// A call as the tool saw it.
struct SeenCall {
  std::string tool;
  std::string arguments;
  std::string idempotency_key;
  std::string traceparent;
  base::MonotonicTime at;
};

/// A registry whose one server "fake" does what the test says. Fault model: any outcome, after any time; a
/// call without an outcome hangs until it is cancelled, which gives outcome_unknown.
class FakeRegistry final : public mcp::Registry {
 public:
  /// The outcome of the n-th call of a tool (from 0); nothing: it hangs.
  using Tool =
      std::function<std::optional<mcp::CallOutcome>(std::size_t number, const std::string& arguments)>;

  FakeRegistry();
  ~FakeRegistry() override { loop_.stop(); }

  /// Before or while it runs; listeners hear of it.
  void add_tool(std::string name, Tool behaviour, mcp::ToolAnnotations annotations = {},
                std::string description = {}, std::string schema = R"({"type":"object"})");
  void set_settings(mcp::ServerSettings settings);
  void set_settled(bool settled);
  [[nodiscard]] std::vector<SeenCall> calls() const;
  [[nodiscard]] std::size_t hanging() const;
  [[nodiscard]] std::size_t cancelled() const;
  /// Every call that hangs now gets this text.
  void answer_hanging(const std::string& with);

  static mcp::CallOutcome text(const std::string& text, bool is_error = false);
  static mcp::CallOutcome failure(mcp::FailureClass kind, const std::string& message);

  [[nodiscard]] mcp::CataloguePtr catalogue() const override;
  [[nodiscard]] mcp::RegistryStatus status() const override;
  [[nodiscard]] std::optional<mcp::ServerSettings> settings(std::string_view server) const override;
  mcp::CallId call(std::string_view server, std::string_view tool, std::string arguments,
                   mcp::CallOptions options, mcp::CallDone done) override;
  void cancel(mcp::CallId call) override;
  std::uint64_t listen(std::function<void(mcp::CataloguePtr)> listener) override;
  void unlisten(std::uint64_t listener) override;
  [[nodiscard]] bool settled() const override;
  void when_settled(std::move_only_function<void()> then) override;
  Result<> reload() override { return {}; }
  void stop() override { loop_.stop(); }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Tool> tools_;
  std::map<std::string, std::size_t> numbers_;
  std::vector<SeenCall> calls_;
  std::map<std::uint64_t, mcp::CallDone> hanging_;
  std::size_t cancelled_ = 0;
  std::uint64_t next_ = 1;
  mcp::ServerSettings settings_;
  mcp::CataloguePtr catalogue_;
  std::map<std::uint64_t, std::function<void(mcp::CataloguePtr)>> listeners_;
  bool settled_ = true;
  std::vector<std::move_only_function<void()>> waiting_;
  base::EventLoop loop_{"fake-registry"};
};

}  // namespace geminga::orchestrator::testing
