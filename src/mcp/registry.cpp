#include "mcp/registry.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <future>
#include <map>
#include <mutex>
#include <pthread.h>
#include <utility>

#include <fmt/format.h>

#include "base/event_loop.hpp"
#include "base/file_watcher.hpp"
#include "base/log.hpp"
#include "base/try.hpp"
#include "mcp/child_process.hpp"
#include "mcp/oauth/authorizer.hpp"
#include "mcp/server.hpp"
#include "mcp/session.hpp"
#include "mcp/upstreams.hpp"
#include "net/http_client.hpp"

namespace geminga::mcp {
namespace {

// The reaper needs at most 0.6 s of grace and a moment more; what has not gone by then is left to it.
constexpr std::chrono::milliseconds kStopDeadline{1'900};

class RegistryImpl final : public Registry {
 public:
  explicit RegistryImpl(RegistryOptions options) : options_(std::move(options)) {}
  ~RegistryImpl() override { stop(); }

  void start(ServerSet set);

  [[nodiscard]] CataloguePtr catalogue() const override;
  [[nodiscard]] RegistryStatus status() const override;
  [[nodiscard]] std::optional<ServerSettings> settings(std::string_view server) const override;
  CallId call(std::string_view server, std::string_view tool, std::string arguments, CallOptions options,
              CallDone done) override;
  void cancel(CallId call) override;
  std::uint64_t listen(std::function<void(CataloguePtr)> listener) override;
  void unlisten(std::uint64_t listener) override;
  [[nodiscard]] bool settled() const override { return settled_; }
  void when_settled(std::move_only_function<void()> then) override;
  Result<> reload() override;
  void stop() override;

 private:
  using ServerPtr = std::shared_ptr<Server>;

  [[nodiscard]] Server::Surroundings surroundings(const ServerConfig& config);
  void apply(ServerSet set);
  void start_server(const ServerConfig& config, std::vector<Tool> known_tools);
  void close_server(const ServerPtr& server);
  void drop_gone();
  void rebuild_catalogue();
  void check_settled();
  void settle();
  void refused(const Error& error);
  void watch_file();
  void begin_stop();

  const RegistryOptions options_;
  std::atomic<std::uint64_t> next_call_{1};
  std::atomic<std::uint64_t> next_listener_{1};
  std::atomic<bool> settled_{false};

  mutable std::mutex mutex_;  // what stands below, up to the next blank line
  CataloguePtr catalogue_ = std::make_shared<const Catalogue>();
  SettingsByServer settings_;
  std::condition_variable all_gone_;
  bool nothing_left_ = false;

  // The loop's thread only.
  std::map<std::string, ServerPtr, std::less<>> servers_;
  std::vector<ServerPtr> closing_;
  std::map<std::uint64_t, std::function<void(CataloguePtr)>> listeners_;
  std::vector<std::move_only_function<void()>> when_settled_;
  RegistryStatus file_status_;  // what does not belong to one server
  std::unique_ptr<base::Timer> settle_timer_;
  std::unique_ptr<base::FileWatcher> watch_;
  bool applying_ = false;  // servers_ is not complete
  bool stopping_ = false;

  std::once_flag stopped_;
  mutable base::EventLoop loop_{"mcp"};  // goes before what its tasks touch
  std::unique_ptr<net::HttpClient> http_ = std::make_unique<net::HttpClient>(loop_);
  Upstreams upstreams_{loop_, *http_, options_};
};

// --- start and stop
// -----------------------------------------------------------------------------------------------

void RegistryImpl::start(ServerSet set) {
  loop_.run([this, &set] {
    // A server that goes away while we write to it is an error of that write, not a signal.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    settle_timer_ = std::make_unique<base::Timer>(loop_);
    settle_timer_->set_after(options_.settle_deadline, [this] { settle(); });
    apply(std::move(set));
    if (!options_.config_file.empty() && options_.watch) watch_file();
  });
}

void RegistryImpl::watch_file() {
  auto watcher = base::FileWatcher::open(loop_);
  Result<> watched = watcher ? (*watcher)->watch(options_.config_file,
                                                 [this] {
                                                   auto fresh =
                                                       load_servers(options_.config_file, options_.settings);
                                                   fresh ? apply(*std::move(fresh)) : refused(fresh.error());
                                                 })
                             : std::unexpected(watcher.error());
  if (watched) {
    watch_ = *std::move(watcher);
  } else {
    log::warn("mcp", "changes of {} are not seen: {}", options_.config_file.native(),
              watched.error().message);
  }
}

void RegistryImpl::begin_stop() {
  stopping_ = true;
  watch_.reset();
  settle_timer_.reset();
  settle();  // whoever waits for it must not wait for ever
  listeners_.clear();
  for (auto servers = std::exchange(servers_, {}); auto& [name, server] : servers) close_server(server);
  drop_gone();
}

void RegistryImpl::stop() {
  std::call_once(stopped_, [this] {
    loop_.run([this] { begin_stop(); });
    {
      std::unique_lock lock(mutex_);
      if (!all_gone_.wait_for(lock, kStopDeadline, [this] { return nothing_left_; }))
        log::warn("mcp", "some MCP servers had not ended after {} ms; their reapers go on",
                  kStopDeadline.count());
    }
    http_->stop();
    loop_.run([this] { closing_.clear(); });
    loop_.stop();
    upstreams_.finish_writing();
  });
}

Server::Surroundings RegistryImpl::surroundings(const ServerConfig& config) {
  const auto authorizer = upstreams_.authorizer(config, [this, name = config.name] {
    const auto found = servers_.find(name);
    if (found != servers_.end()) found->second->try_again();
  });
  return {.loop = &loop_,
          .connect = [this, authorizer, era = std::make_shared<Era>(Era::unknown)](
                         const ServerConfig& which) { return upstreams_.connect(which, authorizer, era); },
          .authorizer = authorizer,
          .pins_file = upstreams_.pins_file(config),
          .write_later = [this](std::function<void()> write) { upstreams_.write_later(std::move(write)); },
          .restart_delay_min = options_.restart_delay_min,
          .restart_delay_max = options_.restart_delay_max,
          .on_tools = [this] { rebuild_catalogue(); },
          .on_settled = [this] { check_settled(); },
          .on_gone = [this] { loop_.post([this] { drop_gone(); }); }};
}

// --- the set of servers
// -------------------------------------------------------------------------------------------

void RegistryImpl::start_server(const ServerConfig& config, std::vector<Tool> known_tools) {
  const auto server = std::make_shared<Server>(config, surroundings(config), std::move(known_tools));
  servers_[config.name] = server;
  server->start();
}

void RegistryImpl::close_server(const ServerPtr& server) {
  closing_.push_back(server);
  server->close();
}

void RegistryImpl::drop_gone() {
  std::erase_if(closing_, [](const ServerPtr& server) { return server->gone(); });
  if (!stopping_ || !closing_.empty()) return;
  const std::lock_guard lock(mutex_);
  nothing_left_ = true;
  all_gone_.notify_all();
}

void RegistryImpl::apply(ServerSet set) {
  if (stopping_) return;
  {
    const std::lock_guard lock(mutex_);
    settings_.clear();
    for (const ServerConfig& config : set.servers) settings_.emplace(config.name, config.settings);
  }
  for (const std::string& warning : set.warnings) log::warn("mcp", "{}", warning);
  file_status_.disabled = std::move(set.disabled);
  file_status_.warnings = std::move(set.warnings);
  file_status_.config_error.clear();

  upstreams_.finish_writing();  // a server that starts anew reads what the one before has kept
  applying_ = true;
  auto before = std::exchange(servers_, {});
  for (const ServerConfig& config : set.servers) {
    auto node = before.extract(config.name);
    if (node.empty()) {
      log::info("mcp", "server '{}' starts", config.name);
      start_server(config, {});
    } else if (node.mapped()->config() == config) {
      servers_.insert(std::move(node));
    } else {
      log::info("mcp", "server '{}' has a new configuration and starts anew", config.name);
      close_server(node.mapped());
      start_server(config, node.mapped()->tools());
    }
  }
  for (auto& [name, server] : before) {
    log::info("mcp", "server '{}' was removed from {}", name, options_.config_file.native());
    close_server(server);
  }
  applying_ = false;
  rebuild_catalogue();
  check_settled();
}

void RegistryImpl::refused(const Error& error) {
  log::error("mcp", "the servers stay as they are: {}", error.message);
  file_status_.config_error = error.message;
}

Result<> RegistryImpl::reload() {
  auto fresh = load_servers(options_.config_file, options_.settings);
  const bool running = loop_.run([&] { fresh ? apply(*std::move(fresh)) : refused(fresh.error()); });
  if (!running) return fail(ErrorCode::closed, "the registry was stopped");
  return fresh ? Result<>() : std::unexpected(fresh.error());
}

// --- the tools
// ----------------------------------------------------------------------------------------------------

CataloguePtr RegistryImpl::catalogue() const {
  const std::lock_guard lock(mutex_);
  return catalogue_;
}

void RegistryImpl::rebuild_catalogue() {
  if (stopping_) return;
  auto fresh = std::make_shared<Catalogue>();
  for (const auto& [name, server] : servers_)
    fresh->tools.insert(fresh->tools.end(), server->tools().begin(), server->tools().end());
  {
    const std::lock_guard lock(mutex_);
    if (fresh->tools == catalogue_->tools) return;
    fresh->generation = catalogue_->generation + 1;
    catalogue_ = fresh;
  }
  for (const auto& [number, listener] : std::map(listeners_)) {
    if (listeners_.contains(number)) listener(fresh);
  }
}

std::uint64_t RegistryImpl::listen(std::function<void(CataloguePtr)> listener) {
  const std::uint64_t number = next_listener_++;
  loop_.run([&] { listeners_.emplace(number, std::move(listener)); });
  return number;
}

void RegistryImpl::unlisten(std::uint64_t listener) {
  loop_.run([&] { listeners_.erase(listener); });
}

void RegistryImpl::check_settled() {
  const bool all = std::ranges::all_of(servers_, [](const auto& entry) { return entry.second->settled(); });
  if (all && !applying_) settle();
}

void RegistryImpl::settle() {
  settled_ = true;
  for (auto& then : std::exchange(when_settled_, {})) then();
}

void RegistryImpl::when_settled(std::move_only_function<void()> then) {
  loop_.post([this, then = std::move(then)]() mutable {
    if (settled_) return then();
    when_settled_.push_back(std::move(then));
  });
}

// --- calls and status
// ---------------------------------------------------------------------------------------------

CallId RegistryImpl::call(std::string_view server, std::string_view tool, std::string arguments,
                          CallOptions options, CallDone done) {
  const CallId id{next_call_++};
  // Shared, because the task is destroyed unrun when the loop has stopped, and the caller must hear of it
  // even then.
  auto shared_done = std::make_shared<CallDone>(std::move(done));
  const bool posted = loop_.post([this, id, server = std::string(server), tool = std::string(tool),
                                  arguments = std::move(arguments), options = std::move(options),
                                  shared_done]() mutable {
    const auto found = servers_.find(server);
    if (found != servers_.end())
      return found->second->call(id, std::move(tool), std::move(arguments), std::move(options),
                                 std::move(*shared_done));
    CallFailure failure{
        .kind = stopping_ ? FailureClass::not_executed : FailureClass::final,
        .error = {stopping_ ? ErrorCode::closed : ErrorCode::unknown_server,
                  stopping_ ? "the registry is being stopped"
                            : fmt::format("no server '{}' in {}", server, options_.config_file.native())}};
    (*shared_done)(std::unexpected(std::move(failure)));
  });
  if (!posted) {
    (*shared_done)(std::unexpected(CallFailure{.kind = FailureClass::not_executed,
                                               .error = {ErrorCode::closed, "the registry was stopped"}}));
  }
  return id;
}

void RegistryImpl::cancel(CallId call) {
  loop_.post([this, call] {
    for (const auto& [name, server] : servers_) {
      if (server->cancel(call)) return;
    }
  });
}

RegistryStatus RegistryImpl::status() const {
  RegistryStatus status;
  loop_.run([&] {
    status = file_status_;
    for (const auto& [name, server] : servers_) status.servers.push_back(server->status());
  });
  status.catalogue_generation = catalogue()->generation;
  status.settled = settled_;
  return status;
}

std::optional<ServerSettings> RegistryImpl::settings(std::string_view server) const {
  const std::lock_guard lock(mutex_);
  const auto found = settings_.find(server);
  return found == settings_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

Result<std::unique_ptr<Registry>> open_registry(RegistryOptions options) {
  ServerSet set;
  if (!options.config_file.empty()) {
    GEMINGA_TRY(set, load_servers(options.config_file, options.settings));
  }
  auto registry = std::make_unique<RegistryImpl>(std::move(options));
  registry->start(std::move(set));
  return registry;
}

}  // namespace geminga::mcp
