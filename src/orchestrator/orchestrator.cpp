#include "orchestrator/orchestrator.hpp"

#include <future>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/try.hpp"
#include "orchestrator/api/api.hpp"
#include "orchestrator/planner/openai_planner.hpp"
#include "orchestrator/services/job_updater.hpp"
#include "orchestrator/services/plan_fallback.hpp"
#include "orchestrator/services/pruner.hpp"
#include "orchestrator/services/retry_worker.hpp"
#include "orchestrator/services/topic_metrics.hpp"
#include "orchestrator/services/webhooks.hpp"
#include "orchestrator/spaces.hpp"
#include "orchestrator/status.hpp"

namespace geminga::orchestrator {
namespace {

constexpr std::chrono::milliseconds kStoreWait{10'000};
constexpr std::chrono::milliseconds kBeginAgain{1'000};

Result<> check(const OrchestratorOptions& options) {
  if (!options.bus) return fail(ErrorCode::invalid_argument, "the orchestrator needs an open bus");
  if (options.registry == nullptr)
    return fail(ErrorCode::invalid_argument, "the orchestrator needs a registry");
  if (options.settings.max_attempts == 0) return fail(ErrorCode::config_error, "max_attempts must not be 0");
  if (options.settings.retry_delays.empty())
    return fail(ErrorCode::config_error, "retry_delays needs at least one delay");
  const auto own = tenant_of(options.topics.tenant_namespace);
  if (!options.tenants.empty() && own.empty())
    return fail(
        ErrorCode::config_error,
        "this bus has no namespaces, so tenants could not be kept apart; use the embedded bus or Pulsar");
  if (options.tenants.contains(own))
    return fail(ErrorCode::config_error,
                fmt::format("the tenant '{}' is the orchestrator's own; give the roles another one", own));
  const auto there = options.topics.in("tenant/orchestrator").names;
  if (!options.tenants.empty() && std::set<std::string>(there.begin(), there.end()).size() != there.size())
    return fail(
        ErrorCode::config_error,
        "two topics of the orchestrator differ only in their namespace, so they would be one in a tenant's "
        "namespace; name them differently with PULSAR_TOPIC_...");
  const auto& delays = options.bus->capabilities().of(Feature::delayed_delivery);
  if (delays.support == Support::impossible && options.settings.retry == RetryMode::native)
    return fail(ErrorCode::unsupported_by_engine,
                fmt::format("this bus has no delayed delivery, which retry = \"native\" needs: {}; set it to "
                            "\"topics\"",
                            delays.reason));
  return {};
}

Result<std::unique_ptr<JobStore>> open_store(const OrchestratorOptions& options) {
  if (!options.database_url.empty())
    return open_postgresql_job_store(
        {.url = options.database_url, .clock = options.clock, .on_disk_error = options.on_disk_error});
  return open_sqlite_job_store(
      {.file = options.store_path, .clock = options.clock, .on_disk_error = options.on_disk_error});
}

}  // namespace

/// What begins to work in each namespace that is opened.
struct Consuming {
  std::shared_ptr<WaitingQueries> waiting;
  std::shared_ptr<JobUpdater> updater;
  std::shared_ptr<Coordinator> coordinator;
  std::shared_ptr<RetryWorker> retries;
  std::shared_ptr<MatcherService> matcher;
  std::shared_ptr<PlanFallback> fallback;
  std::shared_ptr<Webhooks> webhooks;

  /// The reader first: no result may pass a waiting query by.
  [[nodiscard]] Result<> begin_in(const std::string& name_space) const {
    GEMINGA_TRY_VOID(waiting->add(name_space));
    for (auto* intakes :
         {&updater->intake(), &coordinator->signals(), &coordinator->plans(), retries->tiers()[0].get(),
          retries->tiers()[1].get(), &matcher->intake(), &fallback->intake(), &webhooks->intake()})
      GEMINGA_TRY_VOID(intakes->add(name_space));
    return {};
  }
};

/// Everything, in the order of starting.
struct Orchestrator::Impl : std::enable_shared_from_this<Orchestrator::Impl> {
  Impl(std::shared_ptr<Core> shared, std::shared_ptr<Planner> given)
      : core(std::move(shared)),
        planner(std::move(given)),
        pool(std::make_shared<net::BlockingPool>("orch-admin", 1)),
        waiting(std::make_shared<WaitingQueries>(core)),
        matcher(std::make_shared<MatcherService>(core)),
        fallback(std::make_shared<PlanFallback>(core, matcher, planner)),
        coordinator(std::make_shared<Coordinator>(core)),
        retries(std::make_shared<RetryWorker>(core)),
        updater(std::make_shared<JobUpdater>(core)),
        webhooks(std::make_shared<Webhooks>(core)),
        spaces(std::make_shared<TenantSpaces>(
            core, pool,
            [services = Consuming{waiting, updater, coordinator, retries, matcher, fallback, webhooks}](
                const std::string& name_space) { return services.begin_in(name_space); })),
        ingress(std::make_shared<Ingress>(core, spaces)),
        audit(std::make_shared<Audit>(core)),
        pruner(std::make_shared<Pruner>(core)),
        topic_metrics(std::make_shared<TopicMetrics>(core, spaces, pool)),
        dead_letters(std::make_shared<DeadLetters>(core, pool)),
        events(std::make_shared<EventStreams>(core)) {}

  const std::shared_ptr<Core> core;
  const std::shared_ptr<Planner> planner;  // null: none
  const std::shared_ptr<net::BlockingPool> pool;
  const std::shared_ptr<WaitingQueries> waiting;
  const std::shared_ptr<MatcherService> matcher;
  const std::shared_ptr<PlanFallback> fallback;
  const std::shared_ptr<Coordinator> coordinator;
  const std::shared_ptr<RetryWorker> retries;
  const std::shared_ptr<JobUpdater> updater;
  const std::shared_ptr<Webhooks> webhooks;
  const std::shared_ptr<TenantSpaces> spaces;
  const std::shared_ptr<Ingress> ingress;
  const std::shared_ptr<Audit> audit;
  const std::shared_ptr<Pruner> pruner;
  const std::shared_ptr<TopicMetrics> topic_metrics;
  const std::shared_ptr<DeadLetters> dead_letters;
  const std::shared_ptr<EventStreams> events;
  std::shared_ptr<Api> api;
  std::atomic<bool> matching = false;
  std::unique_ptr<base::Timer> begin_again;  // the core's loop
  std::mutex stop_mutex;
  bool stopped = false;  // under stop_mutex

  Result<> start(net::Router& router);
  Result<> expire_leases();
  /// Has the pool begin_matching().
  void post_begin();
  void begin_matching();
  [[nodiscard]] std::string not_ready_reason() const;
  [[nodiscard]] std::string status() const;
  void stop(std::chrono::milliseconds allowed);

 private:
  void stop_services(std::chrono::milliseconds allowed);
};

Result<> Orchestrator::Impl::expire_leases() {
  const bool shared = !core->options.database_url.empty() || !core->options.exclusive_store;
  if (shared && core->options.instance.empty()) return {};
  std::promise<Result<std::uint64_t>> promise;
  auto future = promise.get_future();
  core->store->expire_other_leases(
      core->owner, shared ? core->owner_prefix() : std::string{},
      [&promise](Result<std::uint64_t> count) { promise.set_value(std::move(count)); });
  const auto count = future.get();
  if (!count) return std::unexpected(count.error());
  if (*count > 0)
    log::warn("orchestrator", "{} calls were running when the last start ended; their outcome is unknown",
              *count);
  return {};
}

Result<> Orchestrator::Impl::start(net::Router& router) {
  GEMINGA_TRY_VOID(matcher->load());
  GEMINGA_TRY_VOID(expire_leases());
  auto admin = core->bus.admin();
  GEMINGA_TRY_VOID(set_up_topics(admin, core->options.topics));
  GEMINGA_TRY_VOID(waiting->open());
  core->on_end = [weak = std::weak_ptr(waiting)](const std::string& request_id, const std::string& result) {
    if (const auto to = weak.lock()) to->ended(request_id, result);
  };
  events->start();
  core->store->listen(
      [streams = std::weak_ptr(events), hooks = std::weak_ptr(webhooks)](const JobEvent& event) {
        if (const auto to = streams.lock()) to->seen(event);
        if (const auto to = hooks.lock()) to->ended(event);
      });
  GEMINGA_TRY_VOID(webhooks->start());
  Result<> watching;
  core->loop.run([&] {
    ingress->start();
    pruner->start();
    topic_metrics->start();
    watching = matcher->watch();
  });
  GEMINGA_TRY_VOID(watching);
  GEMINGA_TRY_VOID(updater->consume());
  GEMINGA_TRY_VOID(coordinator->consume());
  GEMINGA_TRY_VOID(retries->consume());
  GEMINGA_TRY_VOID(spaces->open_existing());
  api = std::make_shared<Api>(ApiParts{.core = core,
                                       .ingress = ingress,
                                       .waiting = waiting,
                                       .coordinator = coordinator,
                                       .matcher = matcher,
                                       .dead_letters = dead_letters,
                                       .events = events,
                                       .spaces = spaces,
                                       .audit = audit,
                                       .pool = pool,
                                       .not_ready_reason =
                                           [weak = weak_from_this()] {
                                             const auto self = weak.lock();
                                             return self ? self->not_ready_reason() : "stopped";
                                           },
                                       .status =
                                           [weak = weak_from_this()] {
                                             const auto self = weak.lock();
                                             return self ? self->status() : std::string("{}");
                                           }});
  api->add_routes(router);
  core->registry.when_settled([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->post_begin();
  });
  return {};
}

void Orchestrator::Impl::post_begin() {
  pool->post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->begin_matching();
  });
}

void Orchestrator::Impl::begin_matching() {
  const std::lock_guard lock(stop_mutex);
  if (stopped) return;
  core->loop.run([this] { matcher->refresh(); });
  auto begun = matcher->consume();
  if (begun) begun = fallback->consume();
  matching = begun.has_value();
  if (begun) return;
  log::error("orchestrator", "the matcher could not begin and tries again: {}", begun.error().message);
  core->loop.run([this] {
    if (!begin_again) begin_again = std::make_unique<base::Timer>(core->loop);
    begin_again->set_after(kBeginAgain, [this] { post_begin(); });
  });
}

std::string Orchestrator::Impl::not_ready_reason() const {
  if (core->stopping) return "the orchestrator is stopping";
  if (!waiting->reading()) return "the result reader does not stand";
  if (matching) return {};
  return core->registry.settled() ? "the matcher is about to begin"
                                  : "the MCP servers are still listing their tools";
}

std::string Orchestrator::Impl::status() const {
  std::vector<const Intakes*> intakes{&matcher->intake(),    &fallback->intake(), &coordinator->signals(),
                                      &coordinator->plans(), &updater->intake(),  &webhooks->intake()};
  for (const auto& tier : retries->tiers())
    if (core->retry_by_topics || tier->consuming()) intakes.push_back(tier.get());
  return status_json({.core = *core,
                      .intakes = std::move(intakes),
                      .accepted = ingress->accepted(),
                      .waiting_queries = waiting->size(),
                      .results_seen = waiting->results_seen(),
                      .result_reader_running = waiting->reading(),
                      .calls_in_progress = coordinator->calls_in_progress(),
                      .rules = matcher->rules(),
                      .name_spaces = spaces->names(),
                      .planner = planner ? planner->description() : std::string{},
                      .not_ready_reason = not_ready_reason()});
}

void Orchestrator::Impl::stop(std::chrono::milliseconds allowed) {
  {
    const std::lock_guard lock(stop_mutex);
    if (std::exchange(stopped, true)) return;
    stop_services(allowed);
  }
  pool->stop();  // without the lock, for which one of its tasks may wait
}

void Orchestrator::Impl::stop_services(std::chrono::milliseconds allowed) {
  const auto now = core->clock.monotonic_now();
  const auto grace = now + allowed * 4 / 10;
  const auto soon = now + allowed * 6 / 10;
  const auto deadline = now + allowed * 9 / 10;
  core->stopping = true;
  if (api) api->close();
  spaces->stop(grace);
  waiting->stop();
  core->loop.run([this] {
    ingress->stop();
    pruner->stop();
    topic_metrics->stop();
    matcher->unwatch();
    begin_again.reset();
  });
  for (auto* intake : {&matcher->intake(), &fallback->intake(), &webhooks->intake()}) intake->pause();
  fallback->freeze();
  retries->stop();
  if (planner) planner->stop();
  coordinator->stop(grace, soon);
  for (auto* intake : {&matcher->intake(), &fallback->intake(), &updater->intake()}) {
    intake->pause();
    intake->drain(deadline);
    intake->close();
  }
  fallback->stop();
  webhooks->stop(grace);
  core->store->listen({});
  events->stop();
  core->store->stop();
  core->loop.stop();
}

Orchestrator::Orchestrator(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Orchestrator::~Orchestrator() {
  stop(std::chrono::seconds{10});
}

Result<std::unique_ptr<Orchestrator>> Orchestrator::start(OrchestratorOptions options, net::Router& router) {
  GEMINGA_TRY_VOID(check(options));
  GEMINGA_TRY(auto store, open_store(options));
  log::info("orchestrator", "jobs store {}", store->description());
  auto core = std::make_shared<Core>(std::move(options), std::move(store));
  std::shared_ptr<Planner> planner;
  if (!core->options.planner.url.empty()) {
    GEMINGA_TRY(planner, OpenAiPlanner::make(core->loop, {.settings = core->options.planner,
                                                          .key = core->options.planner_key}));
  }
  auto impl = std::make_shared<Impl>(std::move(core), std::move(planner));
  auto started = impl->start(router);
  if (!started) {
    impl->stop(kStoreWait);
    return std::unexpected(started.error());
  }
  return std::unique_ptr<Orchestrator>(new Orchestrator(std::move(impl)));
}

bool Orchestrator::ready() const {
  return not_ready_reason().empty();
}
std::string Orchestrator::not_ready_reason() const {
  return impl_->not_ready_reason();
}
std::string Orchestrator::status() const {
  return impl_->status();
}
void Orchestrator::refused(const net::HttpRequest& head, const std::string& role, const Error& why) {
  impl_->audit->refused(head.method + ' ' + head.path(), role, why);
}
void Orchestrator::stop(std::chrono::milliseconds deadline) {
  impl_->stop(deadline);
}

}  // namespace geminga::orchestrator
