#include "orchestrator/testing/fake_registry.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

namespace geminga::orchestrator::testing {

FakeRegistry::FakeRegistry() : catalogue_(std::make_shared<mcp::Catalogue>()) {}

void FakeRegistry::add_tool(std::string name, Tool behaviour, mcp::ToolAnnotations annotations,
                            std::string description, std::string schema) {
  std::vector<std::function<void(mcp::CataloguePtr)>> listeners;
  mcp::CataloguePtr now;
  {
    const std::lock_guard lock(mutex_);
    auto next = std::make_shared<mcp::Catalogue>(*catalogue_);
    ++next->generation;
    std::erase_if(next->tools, [&](const mcp::Tool& tool) { return tool.name == name; });
    mcp::Tool tool;
    tool.server = "fake";
    tool.name = name;
    tool.description = std::move(description);
    tool.input_schema = std::move(schema);
    tool.annotations = annotations;
    next->tools.push_back(std::move(tool));
    std::ranges::sort(next->tools, {}, &mcp::Tool::name);
    now = catalogue_ = std::move(next);
    tools_[std::move(name)] = std::move(behaviour);
    for (const auto& [number, listener] : listeners_) listeners.push_back(listener);
  }
  for (const auto& listener : listeners) listener(now);
}

void FakeRegistry::set_settings(mcp::ServerSettings settings) {
  const std::lock_guard lock(mutex_);
  settings_ = std::move(settings);
}

void FakeRegistry::set_settled(bool settled) {
  std::vector<std::move_only_function<void()>> waiting;
  {
    const std::lock_guard lock(mutex_);
    settled_ = settled;
    if (settled) waiting.swap(waiting_);
  }
  for (auto& then : waiting) loop_.post(std::move(then));
}

std::vector<SeenCall> FakeRegistry::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::size_t FakeRegistry::hanging() const {
  const std::lock_guard lock(mutex_);
  return hanging_.size();
}

void FakeRegistry::answer_hanging(const std::string& with) {
  const std::lock_guard lock(mutex_);
  for (auto& [id, hanging] : std::exchange(hanging_, {}))
    loop_.post([with, done = std::move(hanging)]() mutable { done(text(with)); });
}

std::size_t FakeRegistry::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

mcp::CallOutcome FakeRegistry::text(const std::string& text, bool is_error) {
  mcp::CallAnswer answer;
  answer.content = nlohmann::json::array({{{"type", "text"}, {"text", text}}}).dump();
  answer.is_error = is_error;
  return answer;
}

mcp::CallOutcome FakeRegistry::failure(mcp::FailureClass kind, const std::string& message) {
  mcp::CallFailure failure;
  failure.kind = kind;
  failure.error = {ErrorCode::outcome_unknown, message};
  return std::unexpected(std::move(failure));
}

mcp::CataloguePtr FakeRegistry::catalogue() const {
  const std::lock_guard lock(mutex_);
  return catalogue_;
}

mcp::RegistryStatus FakeRegistry::status() const {
  const std::lock_guard lock(mutex_);
  mcp::RegistryStatus status;
  status.settled = settled_;
  mcp::ServerStatus server;
  server.name = "fake";
  server.tools = catalogue_->tools.size();
  status.servers.push_back(std::move(server));
  return status;
}

std::optional<mcp::ServerSettings> FakeRegistry::settings(std::string_view server) const {
  const std::lock_guard lock(mutex_);
  if (server != "fake") return std::nullopt;
  return settings_;
}

mcp::CallId FakeRegistry::call(std::string_view, std::string_view tool, std::string arguments,
                               mcp::CallOptions options, mcp::CallDone done) {
  const std::lock_guard lock(mutex_);
  const std::string name(tool);
  const mcp::CallId id{next_++};
  calls_.push_back({.tool = name,
                    .arguments = arguments,
                    .idempotency_key = options.idempotency_key,
                    .traceparent = options.traceparent,
                    .at = base::Clock::system().monotonic_now()});
  const auto found = tools_.find(name);
  auto outcome = found == tools_.end()
                     ? std::optional(failure(mcp::FailureClass::final, "unknown tool " + name))
                     : found->second(numbers_[name]++, arguments);
  if (!outcome) {
    hanging_.emplace(id.value, std::move(done));
    return id;
  }
  loop_.post([outcome = *std::move(outcome), done = std::move(done)]() mutable { done(std::move(outcome)); });
  return id;
}

void FakeRegistry::cancel(mcp::CallId call) {
  const std::lock_guard lock(mutex_);
  const auto found = hanging_.find(call.value);
  if (found == hanging_.end()) return;
  ++cancelled_;
  loop_.post([done = std::move(found->second)]() mutable {
    done(failure(mcp::FailureClass::outcome_unknown, "cancelled"));
  });
  hanging_.erase(found);
}

std::uint64_t FakeRegistry::listen(std::function<void(mcp::CataloguePtr)> listener) {
  const std::lock_guard lock(mutex_);
  listeners_.emplace(next_, std::move(listener));
  return next_++;
}

void FakeRegistry::unlisten(std::uint64_t listener) {
  const std::lock_guard lock(mutex_);
  listeners_.erase(listener);
}

bool FakeRegistry::settled() const {
  const std::lock_guard lock(mutex_);
  return settled_;
}

void FakeRegistry::when_settled(std::move_only_function<void()> then) {
  const std::lock_guard lock(mutex_);
  if (settled_)
    loop_.post(std::move(then));
  else
    waiting_.push_back(std::move(then));
}

}  // namespace geminga::orchestrator::testing
