// The client that the MCP conformance package starts for each of its scenarios: a registry with one
// configured server, whose address is the last argument. It only configures, waits, calls tools and, as the
// person at the browser would, opens the address that the registry asks somebody to open.
#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/event_loop.hpp"
#include "base/log.hpp"
#include "mcp/registry.hpp"
#include "net/http_client.hpp"
#include "wire/mcp/json_rpc.hpp"

namespace {

using namespace geminga;
using nlohmann::json;
using std::chrono::milliseconds;

constexpr const char* kServer = "conformance";
constexpr std::chrono::seconds kPatience{15};
constexpr std::chrono::seconds kHopeless{3};  // failed as long as that, and nobody is invited

// Follows redirects from the authorization server to the registry's listener, as a browser does.
class Person {
 public:
  ~Person() { browser_.stop(); }

  void open(std::string url) {
    for (int hops = 0; hops < 5 && !url.empty(); ++hops) {
      std::promise<std::string> next;
      net::ClientRequest request{.url = url, .timeout = kPatience};
      browser_.send(std::move(request), [&next](const Result<net::ClientResponse>& response) {
        next.set_value(response ? std::string(response->headers.get("Location")) : "");
      });
      url = next.get_future().get();
    }
  }

 private:
  base::EventLoop loop_{"browser"};
  net::HttpClient browser_{loop_};
};

class Run {
 public:
  Run(const std::string& url, const std::string& scenario, const json& context) {
    json server{{"url", url}};
    if (scenario.starts_with("auth/")) server["oauth"] = oauth(scenario, context);
    const auto file = folder_ / "mcp.json";
    std::ofstream(file) << json{{"mcpServers", {{kServer, server}}}};
    mcp::RegistryOptions options{.config_file = file, .watch = false};
    options.settings[kServer] = {.elicitation = mcp::Elicitation::defaults};
    auto opened = mcp::open_registry(std::move(options));
    if (!opened) throw std::runtime_error(opened.error().message);
    registry_ = *std::move(opened);
  }
  ~Run() {
    registry_->stop();
    std::filesystem::remove_all(folder_);
  }

  // Until the server can be used; opens what a person is asked to open on the way.
  bool ready() {
    auto last_hope = std::chrono::steady_clock::now();
    return until([this] { return status().state == mcp::ServerState::ready; },
                 [this, &last_hope] {
                   const auto now = std::chrono::steady_clock::now();
                   const auto seen = status();
                   if (seen.state != mcp::ServerState::failed || !seen.authorization_url.empty())
                     last_hope = now;
                   return now - last_hope > kHopeless;
                 });
  }

  // Calls a tool as a user would: once more when somebody had to agree first.
  bool call(const std::string& tool, const json& arguments) {
    auto outcome = call_once(tool, arguments);
    if (!outcome && !status().authorization_url.empty() &&
        until([this] { return status().authorization_url.empty(); }, [] { return false; }))
      outcome = call_once(tool, arguments);
    if (outcome) std::printf("%s: %s\n", tool.c_str(), outcome->content.c_str());
    if (!outcome) std::fprintf(stderr, "%s: %s\n", tool.c_str(), outcome.error().error.message.c_str());
    // A server that does not know the method has tools to be looked at only.
    return outcome || outcome.error().rpc_code == wire::mcp::kMethodNotFound;
  }

  // Those that the scenario hands out, or each tool once.
  bool call_all(const json& context) {
    if (const auto wanted = context.find("toolCalls"); wanted != context.end()) {
      return std::ranges::all_of(*wanted,
                                 [&](const json& one) { return call(one.at("name"), one.at("arguments")); });
    }
    const auto catalogue = registry_->catalogue();
    return std::ranges::all_of(catalogue->tools, [&](const mcp::Tool& tool) {
      json arguments = json::object();
      if (tool.name == "add_numbers") arguments = {{"a", 5}, {"b", 3}};
      if (tool.name == "json_schema_echo")  // wants to see what became of another tool's schema
        arguments["schema"] = json::parse(catalogue->find(kServer, "json_schema_2020_12_tool")->input_schema);
      return call(tool.name, arguments);
    });
  }

  mcp::ServerStatus status() { return registry_->status().servers.at(0); }

 private:
  static json oauth(const std::string& scenario, const json& context) {
    json settings = json::object();
    if (scenario.find("client-credentials") != std::string::npos) settings["grant"] = "client_credentials";
    if (context.contains("client_id")) settings["clientId"] = context["client_id"];
    if (context.contains("client_secret")) {
      const auto file = folder_ / "secret";
      std::ofstream(file) << context["client_secret"].get<std::string>();
      settings["clientSecret"] = "${file:" + file.string() + "}";
    }
    if (context.contains("private_key_pem")) {
      const auto file = folder_ / "key.pem";
      std::ofstream(file) << context["private_key_pem"].get<std::string>();
      settings["privateKeyFile"] = file.string();
    }
    // Where the package pretends that our metadata document stands.
    if (scenario == "auth/basic-cimd")
      settings["clientMetadataUrl"] = "https://conformance-test.local/client-metadata.json";
    return settings;
  }

  template <class Done, class Failed>
  bool until(Done done, Failed failed) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      if (done()) return true;
      if (failed()) break;
      if (const std::string url = status().authorization_url; !url.empty() && url != opened_)
        person_.open(opened_ = url);
      std::unique_lock lock(mutex_);
      never_.wait_for(lock, milliseconds{10});
    }
    std::fprintf(stderr, "not usable: %s\n", status().reason.c_str());
    return false;
  }

  mcp::CallOutcome call_once(const std::string& tool, const json& arguments) {
    std::promise<mcp::CallOutcome> outcome;
    registry_->call(kServer, tool, arguments.dump(), {.timeout = kPatience},
                    [&outcome](mcp::CallOutcome ended) { outcome.set_value(std::move(ended)); });
    return outcome.get_future().get();
  }

  static inline const std::filesystem::path folder_ = [] {
    std::string name = std::filesystem::temp_directory_path() / "mcp-conformance.XXXXXX";
    return std::filesystem::path(::mkdtemp(name.data()));
  }();
  Person person_;
  std::string opened_;
  std::mutex mutex_;
  std::condition_variable never_;
  std::unique_ptr<mcp::Registry> registry_;
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string scenario = environment("MCP_CONFORMANCE_SCENARIO");
  if (argc < 2 || scenario.empty()) {
    std::fprintf(stderr, "started by the conformance package only: see tests/mcp_conformance/README.md\n");
    return 2;
  }
  static_cast<void>(log::configure({.level = log::Level::debug}));
  const std::string text = environment("MCP_CONFORMANCE_CONTEXT");
  const json context = text.empty() ? json::object() : json::parse(text);
  Run run(argv[argc - 1], scenario, context);
  return run.ready() && run.call_all(context) ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
