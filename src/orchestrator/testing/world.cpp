#include "orchestrator/testing/world.hpp"

#include <condition_variable>
#include <fstream>
#include <mutex>

#include "base/base64.hpp"
#include "net/authorization.hpp"

namespace geminga::orchestrator::testing {

using nlohmann::json;
using std::chrono::milliseconds;

namespace {

const std::string kSecret(32, 'k');
constexpr std::string_view kRules = R"(
[[rule]]
pattern = '(?i)^echo (?P<text>.+)$'
tool = "echo"
server = "fake"
confidence = 0.95
[rule.params]
text = "${text}"

[[rule]]
pattern = '(?i)^run (?P<tool>\w+)$'
tool = "work"
server = "fake"
confidence = 0.9
)";

}  // namespace

World::World() {
  options.topics =
      Topics::resolve(TopicStyle::pulsar, [](const char*) -> const char* { return nullptr; }).value();
  options.store_path = folder() / "jobs.sqlite";
  options.settings.retry_delays = {milliseconds{150}, milliseconds{300}};
  options.plan_look_again = milliseconds{20};
  options.settings.plan_window = milliseconds{500};
  options.registry = &registry;
  set_rules(std::string(kRules));
  registry.add_tool("echo", [](std::size_t, const std::string& arguments) {
    return FakeRegistry::text(json::parse(arguments).value("text", ""));
  });
}

World::~World() {
  stop();
  client_.stop();
  client_loop_.stop();
}

void World::set_rules(const std::string& text) {
  options.rules_path = folder() / "rules.toml";
  std::ofstream(options.rules_path) << text;
}

void World::start(bool wait_until_ready) {
  auto bus = Bus::open("embedded:" + (folder() / "bus").string());
  ASSERT_TRUE(bus) << bus.error().message;
  bus_.emplace(*std::move(bus));
  options.bus = *bus_;
  net::Router router;
  auto started = Orchestrator::start(options, router);
  ASSERT_TRUE(started) << started.error().message;
  orchestrator_ = *std::move(started);
  net::HttpServerOptions serving;
  if (options.authentication)
    serving.authorizer =
        net::Authorization(auth::Authenticator::create(auth).value(),
                           {.on_refused = [orchestrator = orchestrator_.get()](const auto&... refusal) {
                             orchestrator->refused(refusal...);
                           }});
  auto listening = net::HttpServer::listen(std::move(serving), std::move(router));
  ASSERT_TRUE(listening) << listening.error().message;
  server_ = *std::move(listening);
  if (wait_until_ready) eventually("ready", [&] { return orchestrator_->ready(); });
}

void World::stop(milliseconds deadline) {
  if (orchestrator_) orchestrator_->stop(deadline);
  if (server_) server_->stop(milliseconds{500});
  server_.reset();
  orchestrator_.reset();
  options.bus.reset();
  if (bus_) {
    EXPECT_TRUE(bus_->close());
    bus_.reset();
  }
}

Answer World::exchange(net::ClientRequest request) {
  std::promise<Result<net::ClientResponse>> promise;
  auto future = promise.get_future();
  client_.send(std::move(request),
               [&promise](Result<net::ClientResponse> response) { promise.set_value(std::move(response)); });
  const auto response = future.get();
  if (!response) {
    ADD_FAILURE() << response.error().message;
    return {};
  }
  return {.status = response->status,
          .body = json::parse(response->body, nullptr, false),
          .headers = response->headers};
}

void World::with_roles(auth::AuthSettings settings) {
  auth = std::move(settings);
  auth.token_secret_key = "data:;base64," + base::to_base64(kSecret);
  options.authentication = true;
  for (const auto& [role, own] : auth.roles) options.tenants[own.tenant];
}

net::HttpHeaders World::as(const std::string& role) {
  if (role.empty()) return {};
  return {{"Authorization",
           "Bearer " + auth::sign_token(auth::Key::secret(kSecret).value(), {.subject = role}).value()}};
}

Answer World::post(const std::string& path, const std::string& body, net::HttpHeaders headers) {
  return send("POST", path, body, std::move(headers));
}

Answer World::send(const std::string& method, const std::string& path, const std::string& body,
                   net::HttpHeaders headers) {
  net::ClientRequest request;
  request.method = method;
  request.url = "http://" + server_->endpoint() + path;
  request.headers = std::move(headers);
  if (!body.empty()) request.headers.set("Content-Type", "application/json");
  request.body = body;
  return exchange(std::move(request));
}

Answer World::query_at(const std::string& endpoint, const std::string& sentence) {
  net::ClientRequest request;
  request.method = "POST";
  request.url = "http://" + endpoint + "/api/orchestrator/query";
  request.headers.set("Content-Type", "application/json");
  request.body = json{{"query", sentence}}.dump();
  return exchange(std::move(request));
}

Answer World::get(const std::string& path, net::HttpHeaders headers) {
  net::ClientRequest request;
  request.headers = std::move(headers);
  request.url = "http://" + server_->endpoint() + path;
  return exchange(std::move(request));
}

std::string World::submit(const std::string& sentence) {
  const auto answer = post("/api/orchestrator/jobs", json{{"query", sentence}}.dump());
  EXPECT_EQ(answer.status, 202) << answer.body;
  return answer.body.value("jobId", "");
}

json World::ended(const std::string& id) {
  json last;
  eventually("job " + id + " ends", [&] {
    last = job(id);
    const auto status = parse_job_status(last.value("status", ""));
    return status && terminal(*status);
  });
  return last;
}

std::string World::event_stream(const std::string& id, const std::string& last_event_id) {
  net::ClientRequest request;
  request.url = "http://" + server_->endpoint() + "/api/orchestrator/jobs/" + id + "/events";
  if (!last_event_id.empty()) request.headers.add("Last-Event-ID", last_event_id);
  std::string text;
  request.on_data = [&text](std::string_view piece) { text += piece; };
  request.timeout = std::chrono::seconds{10};
  std::promise<void> ended;
  client_.send(std::move(request), [&ended](const Result<net::ClientResponse>& response) {
    EXPECT_TRUE(response) << response.error().message;
    ended.set_value();
  });
  ended.get_future().wait();
  return text;
}

std::vector<json> World::dead_letters() {
  const auto page = get("/api/orchestrator/dlq");
  EXPECT_EQ(page.status, 200) << page.body;
  return page.body.value("deadLetters", std::vector<json>{});
}

std::vector<Message> World::messages(TopicRole role) {
  auto admin = bus().admin();
  auto found = admin.browse(topic(role), std::nullopt, 1'000);
  EXPECT_TRUE(found) << found.error().message;
  return found.value_or(std::vector<Message>{});
}

void eventually(const std::string& what, const std::function<bool()>& condition, milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      ADD_FAILURE() << "not within " << limit.count() << " ms: " << what;
      return;
    }
    never.wait_for(lock, milliseconds{5});
  }
}

}  // namespace geminga::orchestrator::testing
