#include "cli/serve_process.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <geminga/bus.hpp>

#include "base/file_system.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/process_metrics.hpp"
#include "base/secret_file.hpp"
#include "base/try.hpp"
#include "broker/broker.hpp"
#include "broker/metrics.hpp"
#include "cli/output.hpp"
#include "cli/serve_pulsar.hpp"
#include "doors/http_bus/http_bus.hpp"
#include "engines/embedded/embedded.hpp"
#include "mcp/registry.hpp"
#include "net/authorization.hpp"
#include "net/http_server.hpp"
#include "net/json_errors.hpp"
#include "net/openapi.hpp"
#include "net/origin_guard.hpp"
#include "orchestrator/orchestrator.hpp"
#include "orchestrator/spaces.hpp"
#include "storage/directory.hpp"

namespace geminga::cli {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kLog = "serve";
// Together below the ten seconds that a stop may take.
constexpr milliseconds kOrchestratorStop{6'000};
constexpr milliseconds kHttpStop{500};
constexpr milliseconds kLook{60'000};  // at files that are read again when they are written

/// On the thread of journal or jobs store. An orderly stop would wait for a disk that is gone; an end by
/// force loses nothing that was acknowledged.
[[noreturn]] void on_disk_error(const Error& error) {
  log::error(kLog, "{}; nothing more is acknowledged, ending with exit code {}", error.message, kExitDisk);
  ::_exit(kExitDisk);
}

/// The signals that serve waits for, blocked in this thread and so in every thread that it starts: those that
/// end it, and SIGHUP where there is something to read again; else that one ends it as any program.
class Signals {
 public:
  explicit Signals(bool reloads) {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGTERM);
    ::sigaddset(&set_, SIGINT);
    if (reloads) ::sigaddset(&set_, SIGHUP);
    ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  /// The signal that came, or 0 after `timeout`.
  [[nodiscard]] int wait(milliseconds timeout) const {
    const timespec limit{.tv_sec = timeout.count() / 1'000, .tv_nsec = timeout.count() % 1'000 * 1'000'000};
    const int signal = ::sigtimedwait(&set_, nullptr, &limit);
    return signal > 0 ? signal : 0;
  }
  /// From now on the next one ends the process at once.
  void let_through() const { ::pthread_sigmask(SIG_UNBLOCK, &set_, nullptr); }

 private:
  sigset_t set_{};
};

/// Many connections and child processes need more descriptors than the usual 1,024.
void raise_file_limit() {
  constexpr rlim_t kWanted = 65'536;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kWanted) return;
  limit.rlim_cur = std::min(limit.rlim_max, kWanted);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Everything that runs, in the order of starting; members go in reverse.
struct Parts {
  std::shared_ptr<net::TlsContext> tls;  // none where nothing listens with it
  std::optional<Bus> bus;
  std::shared_ptr<broker::Broker> broker;      // of the embedded engine only
  std::vector<std::shared_ptr<void>> exposed;  // metrics that are read when somebody asks for them
  std::unique_ptr<doors::HttpBus> http_bus;
  std::unique_ptr<doors::PulsarDoor> pulsar;  // of the embedded engine only
  std::unique_ptr<mcp::Registry> registry;
  std::unique_ptr<orchestrator::Orchestrator> orchestrator;
  std::unique_ptr<net::HttpServer> http;

  Parts() = default;
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;
  ~Parts() { static_cast<void>(stop()); }

  /// Errors: of the bus, when what was pending could not be written.
  Result<> stop() {
    if (pulsar) pulsar->stop();
    if (orchestrator) orchestrator->stop(kOrchestratorStop);
    if (http_bus) http_bus->close();
    if (http) http->stop(kHttpStop);
    if (registry) registry->stop();
    http.reset();
    pulsar.reset();
    orchestrator.reset();
    registry.reset();
    http_bus.reset();
    exposed.clear();
    broker.reset();
    if (!bus) return {};
    auto closed = bus->close();
    if (!closed) log::error(kLog, "closing the bus: {}", closed.error().message);
    bus.reset();
    return closed;
  }
};

void add_health_routes(net::Router& router, const Parts& parts) {
  router.get(
      "/healthz",
      [](const net::HttpRequest&, net::Responder responder) {
        responder.respond(net::HttpResponse::json(200, R"({"status":"ok"})"));
      },
      auth::Need::nothing);
  router.get(
      "/readyz",
      [&parts](const net::HttpRequest&, net::Responder responder) {
        if (parts.orchestrator->ready()) {
          responder.respond(net::HttpResponse::json(200, R"({"status":"ready"})"));
        } else {
          responder.respond(
              Error{ErrorCode::unavailable, "not ready: " + parts.orchestrator->not_ready_reason()});
        }
      },
      auth::Need::nothing);
  for (const char* path : {"/metrics", "/metrics/"}) {  // Pulsar's is the second
    router.get(
        path,
        [](const net::HttpRequest&, net::Responder responder) {
          net::HttpResponse response = net::HttpResponse::text(200, base::Metrics::process().exposition());
          response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
          responder.respond(std::move(response));
        },
        auth::Need::monitor);
  }
}

/// After every other route: the document shows them all, and itself.
void add_document_route(net::Router& router) {
  const auto document = std::make_shared<std::string>();
  router.get(
      "/api/openapi.json",
      [document](const net::HttpRequest&, net::Responder responder) {
        responder.respond(net::HttpResponse::json(200, *document));
      },
      auth::Need::token);
  *document = net::openapi_document(router, GEMINGA_VERSION);
}

/// Where HTTP listens; an empty host: it does not.
struct HttpEndpoints {
  Endpoint plain;
  Endpoint secure;
};
Result<HttpEndpoints> http_endpoints(const ServeSettings& settings) {
  HttpEndpoints endpoints;
  if (!settings.http.empty()) {
    GEMINGA_TRY(endpoints.plain, parse_endpoint(settings.http, "the HTTP address"));
  }
  if (!settings.https.empty()) {
    GEMINGA_TRY(endpoints.secure, parse_endpoint(settings.https, "the HTTPS address"));
  }
  return endpoints;
}

Result<net::OriginGuard> make_guard(const ServeSettings& settings, const HttpEndpoints& endpoints) {
  std::vector<std::string> advertised;
  if (!settings.advertise.empty()) {
    const std::size_t colon = settings.advertise.rfind(':');
    const bool has_port = colon != std::string::npos &&
                          settings.advertise.find_first_not_of("0123456789", colon + 1) == std::string::npos;
    advertised.push_back(has_port ? settings.advertise.substr(0, colon) : settings.advertise);
  }
  net::OriginGuardOptions options{.address = endpoints.plain.host,
                                  .advertised_hosts = std::move(advertised),
                                  .listen_all_insecure = settings.listen_all && settings.insecure,
                                  .authenticated = settings.auth.on()};
  if (endpoints.secure.host.empty()) return net::OriginGuard::create(std::move(options));
  if (!endpoints.plain.host.empty()) GEMINGA_TRY_VOID(net::check_address(options));
  options.advertised_hosts.push_back(endpoints.plain.host);
  options.address = endpoints.secure.host;
  return net::OriginGuard::create(std::move(options));
}

/// None where nothing listens with it.
Result<std::shared_ptr<net::TlsContext>> load_tls(const ServeSettings& settings) {
  if (settings.https.empty() && settings.pulsar_tls.empty()) return nullptr;
  return net::TlsContext::load(settings.tls);
}

/// None where authentication is off.
Result<net::HttpAuthorizer> make_authorizer(const Parts& parts, const ServeSettings& settings) {
  if (settings.auth == auth::AuthSettings{}) return nullptr;
  GEMINGA_TRY(auto authenticator, auth::Authenticator::create(settings.auth));
  net::AuthorizationOptions options;
  options.requests_per_second = settings.auth.requests_per_second;
  options.requests_at_once = settings.auth.requests_at_once;
  // The server listens only while there is an orchestrator.
  options.on_refused = [&parts](const auto&... refusal) { parts.orchestrator->refused(refusal...); };
  return net::Authorization(std::move(authenticator), std::move(options));
}

Result<> open_bus(Parts& parts, const ServeSettings& settings) {
  log::info(kLog, "bus {} ({})", settings.bus_url, settings.bus_reason);
  if (!settings.bus_url.starts_with("embedded:")) {
    GEMINGA_TRY(parts.bus, Bus::open(settings.bus_url));
    return {};
  }
  GEMINGA_TRY(
      engines::embedded::Opened opened,
      engines::embedded::open({.directory = settings.data_dir,
                               .unacked_per_subscription_max = settings.embedded.unacked_per_subscription_max,
                               .unacked_per_consumer_max = settings.embedded.unacked_per_consumer_max,
                               .delayed_bytes_max = settings.embedded.delay_index_bytes,
                               .default_policies = settings.embedded.default_policies,
                               .default_retention = settings.embedded.default_retention,
                               .without_defaults = orchestrator::is_kept_namespace,
                               .on_disk_error = on_disk_error}));
  parts.bus = std::move(opened.bus);
  parts.broker = std::move(opened.broker);
  return {};
}

Result<> start_registry(Parts& parts, const ServeSettings& settings) {
  GEMINGA_TRY(parts.registry, mcp::open_registry({.config_file = settings.mcp,
                                                  .settings = settings.servers,
                                                  .token_folder = settings.data_dir / "oauth",
                                                  .tools_folder = settings.data_dir / "tools"}));
  return {};
}

/// The embedded engine holds its directory for itself alone.
std::string instance_of(const Parts& parts, const ServeSettings& settings) {
  if (!parts.broker) return {};
  auto uuid = storage::DataDirectory::uuid_of(base::FileSystem::system(), settings.data_dir);
  return uuid ? *std::move(uuid) : std::string{};
}

/// The model's key: the first line of the file, or the variable. Errors: config_error (a file that was named
/// and holds none).
Result<std::string> planner_key(const orchestrator::PlannerSettings& planner) {
  if (planner.url.empty()) return std::string{};
  if (planner.key_file.empty()) {
    const char* key = std::getenv(planner.key_env.c_str());
    return std::string(key == nullptr ? "" : key);
  }
  auto key = base::read_secret_line(planner.key_file);
  if (!key) return std::unexpected(key.error().with("[planner] key_file"));
  return key;
}

Result<> start_orchestrator(Parts& parts, const ServeSettings& settings, net::Router& router) {
  orchestrator::OrchestratorOptions options;
  options.bus = parts.bus;
  options.registry = parts.registry.get();
  options.store_path = settings.data_dir / "jobs.sqlite";
  options.database_url = settings.database_url;
  options.instance = instance_of(parts, settings);
  options.rules_path = settings.rules;
  options.on_disk_error = on_disk_error;
  options.settings = settings.orchestrator;
  options.unsafe = settings.unsafe;
  options.authentication = settings.auth.on();
  options.tenants = settings.tenants;
  options.planner = settings.planner;
  GEMINGA_TRY(options.planner_key, planner_key(settings.planner));
  GEMINGA_TRY(options.topics, orchestrator::Topics::resolve(
                                  orchestrator::topic_style_of(parts.bus->url()),
                                  [](const char* name) -> const char* { return std::getenv(name); }));
  options.metrics = &base::Metrics::process();
  GEMINGA_TRY(parts.orchestrator, orchestrator::Orchestrator::start(std::move(options), router));
  return {};
}

/// Each with its name in the ready line and its scheme; those that are there.
struct Address {
  const char* key;
  const char* scheme;
  std::string endpoint;
};
std::vector<Address> addresses_of(const Parts& parts) {
  std::vector<Address> all{{"http", "http://", parts.http->endpoint()},
                           {"https", "https://", parts.http->tls_endpoint()}};
  if (parts.pulsar) {
    all.push_back({"pulsar", "pulsar://", parts.pulsar->endpoint()});
    all.push_back({"pulsar_tls", "pulsar+ssl://", parts.pulsar->tls_endpoint()});
  }
  std::erase_if(all, [](const Address& one) { return one.endpoint.empty(); });
  return all;
}

std::string text_of(const std::vector<Address>& addresses) {
  std::vector<std::string> texts;
  for (const Address& one : addresses) texts.push_back(one.scheme + one.endpoint);
  return fmt::format("{}", fmt::join(texts, ", "));
}

Result<> start(Parts& parts, const ServeSettings& settings) {
  GEMINGA_TRY(const HttpEndpoints endpoints, http_endpoints(settings));
  GEMINGA_TRY(net::OriginGuard guard, make_guard(settings, endpoints));
  GEMINGA_TRY(parts.tls, load_tls(settings));
  GEMINGA_TRY(net::HttpAuthorizer authorizer, make_authorizer(parts, settings));
  GEMINGA_TRY_VOID(open_bus(parts, settings));
  GEMINGA_TRY_VOID(start_registry(parts, settings));
  parts.exposed.push_back(base::expose_process(base::Metrics::process()));
  if (parts.broker) parts.exposed.push_back(broker::expose(*parts.broker, base::Metrics::process()));
  net::Router router;
  add_health_routes(router, parts);
  parts.http_bus = std::make_unique<doors::HttpBus>(
      *parts.bus, doors::HttpBusOptions{.read_only = orchestrator::is_kept_namespace});
  parts.http_bus->add_routes(router);
  GEMINGA_TRY_VOID(start_orchestrator(parts, settings, router));
  add_document_route(router);
  auto http = net::HttpServer::listen({.address = endpoints.plain.host,
                                       .port = endpoints.plain.port,
                                       .tls = settings.https.empty() ? nullptr : parts.tls,
                                       .tls_address = endpoints.secure.host,
                                       .tls_port = endpoints.secure.port,
                                       .guards = {std::move(guard)},
                                       .authorizer = std::move(authorizer),
                                       .metrics = &base::Metrics::process()},
                                      std::move(router));
  if (!http) {
    return fail(http.error().code,
                http.error().message + "; --http and --https HOST:PORT name other addresses");
  }
  parts.http = *std::move(http);
  GEMINGA_TRY(parts.pulsar, open_pulsar_door(parts.broker, settings, parts.tls));
  if (parts.broker) GEMINGA_TRY_VOID(parts.broker->announce(text_of(addresses_of(parts))));
  return {};
}

void warn_when_open(const ServeSettings& settings) {
  if (settings.auth.on()) {
    const auto warn = [](const std::string& address, const char* remedy) {
      const auto endpoint = parse_endpoint(address, "the address");
      if (endpoint && !net::is_loopback_host(endpoint->host))
        log::warn(kLog, "tokens travel unencrypted to {}; {}, or put a TLS proxy in front of it", address,
                  remedy);
    };
    warn(settings.http, "use --https and --http off");
    warn(settings.pulsar, "use --pulsar-tls and --pulsar off");
    return;
  }
  if (!settings.listen_all || !settings.insecure) return;
  log::warn(
      kLog,
      "--listen-all --insecure: everyone who reaches {} may publish, read and call every tool, everyone "
      "who reaches {} may publish and read",
      settings.http, settings.pulsar);
}

void announce_ready(const Parts& parts, const ServeSettings& settings) {
  const std::vector<Address> addresses = addresses_of(parts);
  log::info(kLog, "ready: {}, data in {}", text_of(addresses), settings.data_dir.string());
  if (!settings.ready_json) return;
  nlohmann::json ready;
  for (const Address& one : addresses) ready[one.key] = one.endpoint;
  print_json(ready);
}

/// What connections that are there use stays as it is; a file that does not do changes nothing.
void reload_tls(net::TlsContext& tls) {
  if (const auto read = tls.reload(); !read) {
    log::error(kLog, "the TLS files are not taken, what was read before stays: {}", read.error().message);
  } else {
    log::info(kLog, "new connections get the TLS certificate as it is now");
  }
}

/// Until a signal comes; says when everything is ready. The signal.
int run(const Parts& parts, const ServeSettings& settings, const Signals& signals) {
  bool announced = false;
  milliseconds pause{1};
  for (;;) {
    if (!announced && parts.orchestrator->ready()) {
      announce_ready(parts, settings);
      announced = true;
    }
    const int signal = signals.wait(announced ? kLook : pause);
    if (signal != 0 && signal != SIGHUP) return signal;
    if (parts.tls && (signal == SIGHUP || (announced && parts.tls->changed()))) reload_tls(*parts.tls);
    pause = std::min(pause * 2, milliseconds{5});
  }
}

}  // namespace

Outcome serve(const ServeSettings& settings) {
  const Signals signals(!settings.https.empty() || !settings.pulsar_tls.empty());
  if (auto configured = log::configure(settings.log); !configured) return failed(configured.error());
  raise_file_limit();
  log_conf_report(settings.conf_report);
  warn_when_open(settings);
  Parts parts;
  if (auto started = start(parts, settings); !started) {
    return failed(started.error().message);
  }
  const int signal = run(parts, settings, signals);
  signals.let_through();
  log::info(kLog, "{}: taking no more work; a second one ends at once",
            signal == SIGINT ? "SIGINT" : "SIGTERM");
  // A disk that is only full loses nothing: the next start reads the journal in place of the checkpoint.
  if (auto stopped = parts.stop(); !stopped && stopped.error().code == ErrorCode::disk_error)
    return failed(stopped.error());
  log::info(kLog, "stopped");
  return {};
}

}  // namespace geminga::cli
