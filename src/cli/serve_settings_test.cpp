#include "cli/serve_settings.hpp"

#include <fstream>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cli/file_keys.hpp"

namespace geminga::cli {
namespace {

std::map<std::string, std::string> variables;
const char* lookup(const char* name) {
  const auto found = variables.find(name);
  return found == variables.end() ? nullptr : found->second.c_str();
}

class Settings : public testing::Test {
 protected:
  void SetUp() override {
    variables.clear();
    file_ = std::filesystem::path(testing::TempDir()) / "geminga_settings_test.toml";
  }
  void TearDown() override { std::filesystem::remove(file_); }

  void write(const std::string& text) { std::ofstream(file_) << text; }

  /// As the parser would give them.
  static Arguments flags(const std::map<std::string, std::string>& given) {
    Arguments arguments;
    for (const auto& option : setting_options()) arguments.declare(option.name);
    for (const auto& [name, value] : given) arguments.add(name, value);
    return arguments;
  }

  Result<ServeSettings> load(std::map<std::string, std::string> given, bool with_file) {
    if (with_file) given["config"] = file_.string();
    return load_settings(flags(given), lookup);
  }

  std::string error(const std::string& text) {
    write(text);
    const auto settings = load({}, true);
    return settings ? "" : settings.error().message;
  }

  std::filesystem::path file_;
};

TEST_F(Settings, DefaultsNeedNothing) {
  const auto settings = load({}, false);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->http, "127.0.0.1:8080");
  EXPECT_EQ(settings->bus_url, "embedded:./geminga-data");
  EXPECT_EQ(settings->bus_reason, "the default, as nothing names another");
  EXPECT_TRUE(settings->mcp.empty());
}

TEST_F(Settings, AFlagBeatsTheEnvironmentAndThatBeatsTheFile) {
  write("http = '127.0.0.1:1'\nlog_level = 'warn'\nmcp = 'servers.json'\ndata_dir = '/from/file'\n");
  variables = {{"GEMINGA_HTTP", "127.0.0.1:2"}, {"GEMINGA_DATA_DIR", "/from/environment"}};
  const auto settings = load({{"http", "127.0.0.1:3"}}, true);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->http, "127.0.0.1:3");
  EXPECT_EQ(settings->data_dir, "/from/environment");
  EXPECT_EQ(settings->log.level, log::Level::warn);
  EXPECT_EQ(settings->mcp, file_.parent_path() / "servers.json") << "relative to the file that names it";
}

TEST_F(Settings, TheDatabaseOfTheJobsIsNamedByFlagEnvironmentOrFileAndItsPasswordIsNotRepeated) {
  EXPECT_EQ(load({}, false)->database_url, "");
  write("database_url = 'postgresql://file/jobs'\n");
  EXPECT_EQ(load({}, true)->database_url, "postgresql://file/jobs");
  variables["DATABASE_URL"] = "postgres://environment/jobs";
  EXPECT_EQ(load({}, true)->database_url, "postgres://environment/jobs");
  EXPECT_EQ(load({{"database-url", "postgresql://flag/jobs"}}, true)->database_url, "postgresql://flag/jobs");
  variables["DATABASE_URL"] = "mysql://me:secret@host/jobs";
  const auto refused = load({}, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::config_error);
  EXPECT_NE(refused.error().message.find("DATABASE_URL: "), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find("postgresql://user@host"), std::string::npos);
  EXPECT_EQ(refused.error().message.find("secret"), std::string::npos);
}

TEST_F(Settings, TheBusIsDecidedInTheOrderOfTheContract) {
  write("bus = 'embedded:/file'\n");
  EXPECT_EQ(load({}, true)->bus_url, "embedded:/file");
  variables = {{"ENABLE_KAFKA", "true"}, {"KAFKA_BROKERS", "k:9092"}};
  EXPECT_EQ(load({}, true)->bus_url, "kafka://k:9092");
  variables["ENABLE_PULSAR"] = "true";
  variables["PULSAR_SERVICE_URL"] = "pulsar://p:6650";
  EXPECT_EQ(load({}, true)->bus_url, "pulsar://p:6650");
  variables["COZE_MQ_TYPE"] = "nats";
  variables["MQ_NAME_SERVER"] = "n:4222";
  EXPECT_EQ(load({}, true)->bus_url, "nats://n:4222");
  const auto flag = load({{"bus", "embedded:/flag"}}, true);
  EXPECT_EQ(flag->bus_url, "embedded:/flag");
  EXPECT_EQ(flag->bus_reason, "--bus");
  EXPECT_EQ(flag->data_dir, "/flag");
}

TEST_F(Settings, TwoPlacesForOneDirectoryAreRefused) {
  const auto settings = load({{"bus", "embedded:/a"}, {"data-dir", "/b"}}, false);
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().code, ErrorCode::config_error);
  EXPECT_TRUE(load({{"bus", "embedded:/a"}, {"data-dir", "/a/"}}, false));
}

TEST_F(Settings, AnEmbeddedAddressIsADirectoryInBothSpellings) {
  EXPECT_EQ(load({{"bus", "embedded://./a"}}, false)->data_dir, "./a");
  EXPECT_EQ(load({{"bus", "embedded:///a"}}, false)->data_dir, "/a");
  EXPECT_EQ(load({{"bus", "embedded:./a"}}, false)->data_dir, "./a");
  EXPECT_EQ(load({{"bus", "embedded:"}}, false).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(load({{"bus", "embedded://"}}, false).error().code, ErrorCode::invalid_argument);
}

TEST_F(Settings, SettingsOfServers) {
  write(
      "[servers.slow]\ntimeout = '90s'\nretry = 'never'\nretry_tool_errors = true\nmax_concurrent = 4\n"
      "[servers.web]\nprotocol = 'invoke'\n[[servers.web.tools]]\nname = 'look'\ndescription = 'looks'\n");
  const auto settings = load({}, true);
  ASSERT_TRUE(settings) << settings.error().message;
  const auto& slow = settings->servers.at("slow");
  EXPECT_EQ(slow.timeout, std::chrono::seconds{90});
  EXPECT_EQ(slow.retry, mcp::RetryPolicy::never);
  EXPECT_TRUE(slow.retry_tool_errors);
  EXPECT_EQ(slow.max_concurrent, 4U);
  const auto& web = settings->servers.at("web");
  EXPECT_EQ(web.protocol, mcp::Protocol::invoke);
  ASSERT_EQ(web.tools.size(), 1U);
  EXPECT_EQ(web.tools[0].name, "look");
}

TEST_F(Settings, WhatCannotBeUsedIsNamedWithItsLine) {
  const std::string at = file_.string();
  EXPECT_EQ(error("\nhtpp = 'x'\n"), at + ":2: unknown key 'htpp'; did you mean 'http'?");
  EXPECT_EQ(error("[servers.a]\n\ntime_out = '5s'\n"),
            at + ":3: unknown key 'time_out' in [servers.a]; did you mean 'timeout'?");
  EXPECT_NE(
      error("[servers.a]\ntimeout = 'soon'\n").find(":2: 'timeout' in [servers.a]: 'soon' is not a duration"),
      std::string::npos);
  EXPECT_NE(error("[servers.a]\nretry = 'maybe'\n").find(":2: 'retry' in [servers.a]"), std::string::npos);
  EXPECT_NE(error("log_level = 'loud'\n").find(":1: 'log_level': unknown log level"), std::string::npos);
  EXPECT_NE(error("http = [1]\n").find(":1: 'http' must be a text"), std::string::npos);
  EXPECT_NE(error("servers = 1\n").find(":1: 'servers'"), std::string::npos);
  EXPECT_NE(error("a = = 1\n").find(":1: not TOML"), std::string::npos);
}

TEST_F(Settings, SettingsOfTheOrchestrator) {
  write(
      "[orchestrator]\nmax_attempts = 5\nretry_delays = ['250ms', '2s', '1h']\nretry = "
      "'topics'\nquery_timeout = "
      "'3s'\nplan_window = "
      "'1s'\nlease = '10s'\nconfidence_threshold = 0.85\nquery_bytes_max = 100\nwaiting_queries_max = "
      "7\ncalls_max "
      "= 9\n");
  const auto settings = load({}, true);
  ASSERT_TRUE(settings) << settings.error().message;
  const orchestrator::OrchestratorSettings expected{
      .max_attempts = 5,
      .retry_delays = {std::chrono::milliseconds{250}, std::chrono::seconds{2}, std::chrono::hours{1}},
      .retry = orchestrator::RetryMode::topics,
      .query_timeout = std::chrono::seconds{3},
      .plan_window = std::chrono::seconds{1},
      .lease = std::chrono::seconds{10},
      .confidence_threshold = 0.85,
      .query_bytes_max = 100,
      .waiting_queries_max = 7,
      .calls_max = 9};
  EXPECT_EQ(settings->orchestrator, expected);
  write("[orchestrator]\nconfidence_threshold = 1\nretry_delays = '4s'\n");
  const auto again = load({}, true);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->orchestrator.confidence_threshold, 1.0);
  EXPECT_EQ(again->orchestrator.retry_delays,
            std::vector<std::chrono::milliseconds>{std::chrono::seconds{4}});
}

TEST_F(Settings, TheSecretOfWebhooksIsFoundBesideTheFile) {
  write(
      "[orchestrator]\nwebhook_secret_key = 'geminga_settings_test.toml'\nwebhook_url = "
      "'https://example.com/'\nwebhook_timeout = '3s'\nwebhook_private_network = true\n");
  const auto settings = load({}, true);
  ASSERT_TRUE(settings) << settings.error().message;
  const auto& read = settings->orchestrator;
  EXPECT_TRUE(std::filesystem::path(read.webhook_secret_key).is_absolute()) << read.webhook_secret_key;
  EXPECT_EQ(read.webhook_url, "https://example.com/");
  EXPECT_EQ(read.webhook_timeout, std::chrono::seconds{3});
  EXPECT_TRUE(read.webhook_private_network);
  write("[orchestrator]\nwebhook_url = ''\n");
  EXPECT_EQ(load({}, true).value().orchestrator.webhook_url, "") << "nobody";
}

TEST_F(Settings, WhatTheOrchestratorCannotUseIsNamedWithLineKeyValueAndRemedy) {
  const std::string at = file_.string() + ":2: ";
  const auto wrong = [&](const std::string& line) { return error("[orchestrator]\n" + line + "\n"); };
  EXPECT_EQ(wrong("lese = '1s'"), at + "unknown key 'lese' in [orchestrator]; did you mean 'lease'?");
  EXPECT_EQ(wrong("lease = '10ms'"),
            at + "'lease' in [orchestrator]: '10ms' does not do; write a duration from 1s to 1h");
  EXPECT_EQ(wrong("lease = 'soon'"),
            at + "'lease' in [orchestrator]: 'soon' is not a duration; write 250ms, 5s, 2m, 1h or 7d");
  EXPECT_EQ(wrong("max_attempts = 0"),
            at + "'max_attempts' in [orchestrator]: '0' does not do; write a whole number from 1 to 100");
  EXPECT_EQ(wrong("max_attempts = -3"),
            at + "'max_attempts' in [orchestrator]: '-3' does not do; write a whole number from 1 to 100");
  EXPECT_EQ(wrong("confidence_threshold = 1.5"),
            at + "'confidence_threshold' in [orchestrator]: '1.5' does not do; "
                 "write a number from 0 to 1, for example 0.7");
  EXPECT_EQ(
      wrong("retry_delays = []"),
      at + "'retry_delays' in [orchestrator]: it has 0 values; write 1 to 10, for example [\"5s\", \"30s\"]");
  EXPECT_EQ(wrong("retry_delays = ['5s', '3d']"),
            at + "'retry_delays' in [orchestrator]: '3d' does not do; write a duration from 1ms to 24h");
  EXPECT_EQ(wrong("retry = 'never'"),
            at + "'retry' in [orchestrator]: 'never' does not do; use auto, native, topics");
  EXPECT_EQ(wrong("retry_delays = ['5s', ['1s']]"),
            at + "'retry_delays' must be a text, a number, true or false");
  EXPECT_EQ(wrong("query_timeout = {}"), at + "'query_timeout' must be a text, a number, true or false");
  EXPECT_EQ(wrong("calls_max = true"),
            at + "'calls_max' in [orchestrator]: 'true' does not do; write a whole number from 1 to 100000");
  EXPECT_EQ(error("\norchestrator = 3\n"), at + "[orchestrator] must be a table");
  EXPECT_EQ(error("\nembedded = 3\n"), at + "[embedded] must be a table");
  EXPECT_NE(error("[embedded]\ndelay_index_byte = 3\n").find("delay_index_bytes"), std::string::npos);
}

TEST_F(Settings, RolesTenantsAndTheirPoliciesAreRead) {
  write(R"toml(
[tenants.acme]
publish_messages_per_second = 5
durability = "async(20)"

[auth]
token_secret_key = "file:///etc/secret.key"
superuser_roles = ["admin", "root"]
service_roles = ["gateway"]
monitor_roles = "prometheus"
requests_at_once = 7

[auth.roles.gateway]
tenant = "acme"

[auth.roles."a/b"]
tenant = "other"
permissions = ["consume"]
)toml");
  const auto settings = load({}, true);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_TRUE(settings->auth.on());
  EXPECT_EQ(settings->auth.superuser_roles, (std::set<std::string>{"admin", "root"}));
  EXPECT_EQ(settings->auth.monitor_roles, (std::set<std::string>{"prometheus"}));
  EXPECT_EQ(settings->auth.requests_at_once, 7U);
  EXPECT_EQ(settings->auth.roles.at("gateway").tenant, "acme");
  EXPECT_EQ(settings->auth.roles.at("a/b").permissions,
            (std::set<auth::Permission>{auth::Permission::consume}));
  EXPECT_EQ(settings->tenants.at("acme").publish_messages_per_second, 5U);
  EXPECT_EQ(settings->tenants.at("acme").durability, Durability{std::chrono::milliseconds(20)});
  EXPECT_EQ(settings->tenants.at("other"), Policies{});
  EXPECT_FALSE(load({}, false)->auth.on());
}

TEST_F(Settings, AKeyFileIsRelativeToTheFileThatNamesIt) {
  const auto key = file_.parent_path() / "geminga_settings_test.key";
  std::ofstream(key) << std::string(32, 'k');
  write("[auth]\ntoken_secret_key = 'geminga_settings_test.key'\n");
  EXPECT_EQ(load({}, true)->auth.token_secret_key, key.string());
  EXPECT_EQ(load({}, true)->auth.token_public_key, "") << "what is not named stays so";
  std::filesystem::remove(key);
}

/// Tokens may be for any role: "CN=alice,OU=harbour" is one.
TEST_F(Settings, ARoleMayHaveACommaInItsName) {
  write(
      "[auth]\ntoken_secret_key = 'k'\nsuperuser_roles = ['CN=alice,OU=a', 'root']\nmonitor_roles = 'x,y'\n");
  const auto settings = load({}, true);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->auth.superuser_roles, (std::set<std::string>{"CN=alice,OU=a", "root"}));
  EXPECT_EQ(settings->auth.monitor_roles, (std::set<std::string>{"x,y"}));
  EXPECT_NE(error("[orchestrator]\nmax_attempts = [1, 2]\n").find("write one value"), std::string::npos);
}

TEST_F(Settings, WhatNeedsAModelIsRefusedWithoutOne) {
  const std::string at = file_.string();
  EXPECT_NE(error("\n[planner]\nmodel = 'm'\n").find(":2: [planner] names a model or its key and no url"),
            std::string::npos);
  EXPECT_NE(error("[planner]\nkey_file = 'k'\n").find("write url = "), std::string::npos);
  EXPECT_NE(error("[orchestrator]\nexecute_plans = true\n").find("write url and model into [planner]"),
            std::string::npos);
  EXPECT_EQ(error("[planner]\nurl = ''\nmodel = ''\n"), "");
  EXPECT_EQ(error("[orchestrator]\nexecute_plans = true\n[planner]\nurl = 'http://h/v1'\nmodel = 'm'\n"), "");
}

TEST_F(Settings, WhatIsWrongInAuthIsNamed) {
  EXPECT_NE(error("[auth]\ntoken_secret = 'x'\n").find("token_secret_key"), std::string::npos);
  EXPECT_NE(error("[auth.roles.a]\ntenant = 't'\npermissions = ['write']\n").find("produce"),
            std::string::npos);
  EXPECT_NE(error("[auth.roles.a]\ntenants = 't'\n").find("tenant"), std::string::npos);
  EXPECT_NE(error("[tenants.t]\nmessage_ttl_seconds = 5\n").find("no role"), std::string::npos);
  const std::string role = "[auth.roles.a]\ntenant = 't'\n";
  EXPECT_NE(error(role + "[tenants.t]\nmessage_ttl_seconds = 'long'\n").find("whole number"),
            std::string::npos);
  EXPECT_NE(error(role + "[tenants.t]\nno_such_policy = 5\n").find("no_such_policy"), std::string::npos);
  EXPECT_NE(error("auth = 5\n").find("table"), std::string::npos);
}

TEST_F(Settings, TheFileMayNameAModelAndNoKey) {
  ServeSettings settings;
  ASSERT_TRUE(apply_settings_file(settings,
                                  "[planner]\nurl = \"http://127.0.0.1:1/v1\"\nmodel = \"m\"\nkey_file = "
                                  "\"key.txt\"\nstream = true\ntools_max = 5\n",
                                  "/etc/geminga.toml"));
  EXPECT_EQ(settings.planner.url, "http://127.0.0.1:1/v1");
  EXPECT_EQ(settings.planner.model, "m");
  EXPECT_EQ(settings.planner.key_file, "/etc/key.txt");
  EXPECT_TRUE(settings.planner.stream);
  EXPECT_EQ(settings.planner.tools_max, 5U);
  const auto wrong = apply_settings_file(settings, "[planner]\nkey = \"secret\"\n", "g.toml");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("unknown key 'key'"), std::string::npos);
}

/// Reads the guide as it would be a file of the user's.
TEST_F(Settings, TheGuideShowsEveryKeyWithItsDefault) {
  std::ifstream in(std::filesystem::path(GEMINGA_SOURCE_DIR) / "docs/guide/configuration.md");
  const std::string guide((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto shows = [&](std::string_view key, const std::string& value) {
    return guide.find(fmt::format("\n{} = {} ", key, value)) != std::string::npos;
  };
  for (const auto& key : kOrchestratorKeys)
    EXPECT_TRUE(shows(key.name, key.show(orchestrator::OrchestratorSettings{}))) << key.name;
  for (const auto& key : kPlannerKeys)
    EXPECT_TRUE(shows(key.name, key.show(orchestrator::PlannerSettings{}))) << key.name;
  for (const auto& key : kServerKeys)
    EXPECT_TRUE(shows(key.name, key.show(mcp::ServerSettings{}))) << key.name;
  for (const auto& key : kEmbeddedKeys)
    EXPECT_TRUE(shows(key.name, key.show(EmbeddedSettings{}))) << key.name;
}

/// What --help prints as a default is what the file may hold.
TEST(FileKeys, ADefaultCanBeReadBack) {
  const auto read_back = [](const auto& key, auto target) {
    const auto before = target;
    std::string text = key.show(target);
    const bool list = text.starts_with('[');
    std::erase_if(text, [](char c) { return c == '"' || c == '[' || c == ']' || c == ' '; });
    std::vector<std::string> values;
    for (std::size_t comma = text.find(','); list && comma != std::string::npos; comma = text.find(',')) {
      values.push_back(text.substr(0, comma));
      text.erase(0, comma + 1);
    }
    if (!list || !text.empty()) values.push_back(text);
    EXPECT_TRUE(key.apply(target, values)) << key.name;
    EXPECT_EQ(target, before) << key.name;
  };
  for (const auto& key : kOrchestratorKeys) read_back(key, orchestrator::OrchestratorSettings{});
  for (const auto& key : kPlannerKeys) read_back(key, orchestrator::PlannerSettings{});
  for (const auto& key : kServerKeys) read_back(key, mcp::ServerSettings{});
  for (const auto& key : kEmbeddedKeys) read_back(key, EmbeddedSettings{});
  for (const auto& key : kRoleKeys)
    if (key.name != "tenant") read_back(key, auth::RoleSettings{});  // which has no default
}

TEST_F(Settings, AFileThatIsNamedMustBeThere) {
  const auto settings = load({{"config", "/nowhere/geminga.toml"}}, false);
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().code, ErrorCode::io_error);
  EXPECT_NE(settings.error().message.find("/nowhere/geminga.toml"), std::string::npos);
}

TEST(Endpoints, HostAndPort) {
  EXPECT_EQ(parse_endpoint("127.0.0.1:8080", "it")->port, 8080);
  EXPECT_EQ(parse_endpoint("[::1]:0", "it")->host, "::1");
  for (const char* wrong :
       {"", "8080", ":8080", "host:", "host:70000", "host:x", "::1:80", "http://a:1", "a:-1"}) {
    EXPECT_FALSE(parse_endpoint(wrong, "it")) << wrong;
  }
}

}  // namespace
}  // namespace geminga::cli
