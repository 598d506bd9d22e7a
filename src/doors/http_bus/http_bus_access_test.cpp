#include <map>
#include <set>

#include <gmock/gmock.h>

#include "base/base64.hpp"
#include "doors/http_bus/http_bus_fixture.hpp"
#include "net/authorization.hpp"
#include "net/http_path.hpp"

namespace geminga::doors {
namespace {

using ::testing::AnyOf;
using testing::json;

const std::string kSecret(32, 'k');
const std::string kTopic = "persistent://b/shop/orders";  // of the other tenant
const std::string kEncoded = "persistent%3A%2F%2Fb%2Fshop%2Forders";

/// The door with authentication, a tenant `a` with a role for each permission, and a tenant `b`.
class HttpBusAccess : public testing::HttpBusTest {
 protected:
  void SetUp() override {
    HttpBusOptions options;
    options.read_only = [](std::string_view name_space) { return name_space.ends_with("/kept"); };
    shut();
    bus_.emplace(Bus::open("embedded:" + directory_.string()).value());
    door_ = std::make_unique<HttpBus>(*bus_, options);
    net::Router router;
    door_->add_routes(router);
    server_ = net::HttpServer::listen({.authorizer = net::Authorization(authenticator())}, std::move(router))
                  .value();
    as("b-all", "POST", "/api/bus/topics", {{"topic", kTopic}});
    as("b-all", "POST", "/api/bus/messages?topic=" + kEncoded, {{"messages", {{{"body", "b's own"}}}}});
    as("b-all", "POST", "/api/bus/subscriptions",
       {{"topic", kTopic}, {"subscription", "s"}, {"initial_position", "earliest"}});
    const auto opened = as("b-all", "POST", "/api/bus/consumers", {{"topic", kTopic}, {"subscription", "s"}});
    ASSERT_EQ(opened.status, 201) << opened.body;
    consumer_ = opened.body["id"];
  }

  static auth::Authenticator authenticator() {
    using auth::Permission;
    auth::AuthSettings settings;
    settings.token_secret_key = "data:;base64," + base::to_base64(kSecret);
    settings.superuser_roles = {"root"};
    settings.roles["a-query"] = {.tenant = "a", .permissions = {Permission::query}};
    settings.roles["a-produce"] = {.tenant = "a", .permissions = {Permission::produce}};
    settings.roles["a-consume"] = {.tenant = "a", .permissions = {Permission::consume}};
    settings.roles["a-admin"] = {.tenant = "a", .permissions = {Permission::admin}};
    for (const std::string tenant : {"a", "b"})
      settings.roles[tenant + "-all"] = {
          .tenant = tenant,
          .permissions = {Permission::query, Permission::produce, Permission::consume, Permission::admin}};
    return auth::Authenticator::create(settings).value();
  }

  static std::string bearer(const std::string& role) {
    if (role.empty()) return {};
    return "Authorization: Bearer " +
           auth::sign_token(auth::Key::secret(kSecret).value(), {.subject = role}).value() + "\r\n";
  }

  Answer as(const std::string& role, const std::string& method, const std::string& path,
            const json& body = nullptr) {
    net::testing::RawClient client(server_->port());
    const std::string text = body.is_null() ? "" : body.dump();
    client.send(fmt::format("{} {} HTTP/1.1\r\nHost: h\r\n{}Content-Length: {}\r\n\r\n{}", method, path,
                            bearer(role), text.size(), text));
    const auto response = client.read_response();
    return {response.status, response.body.empty() ? json() : json::parse(response.body, nullptr, false)};
  }

  std::string consumer_;  // of b
};

/// How a route is called for what is the other tenant's.
struct Row {
  std::string need;
  std::string path;
  json body = nullptr;
  int foreign = 403;  ///< what tenant a's role with all permissions gets; 200: what it sees has nothing of b
};

TEST_F(HttpBusAccess, NoRouteGivesATenantWhatIsAnothers) {
  const json topic{{"topic", kTopic}};
  const json subscription{{"topic", kTopic}, {"subscription", "s"}};
  const auto with = [](json body, const char* name, const json& value) {
    body[name] = value;
    return body;
  };
  const std::string query = "?topic=" + kEncoded;
  const json messages{{"messages", {{{"body", "x"}}}}};
  const json ids{{"ids", {"1:1:-1"}}};
  const std::map<std::string, Row> rows{
      {"GET /api/bus", {"token", "/api/bus", nullptr, 200}},
      {"GET /api/bus/namespaces", {"token", "/api/bus/namespaces", nullptr, 200}},
      {"GET /api/bus/policies", {"admin", "/api/bus/policies?namespace=b%2Fshop"}},
      {"PUT /api/bus/policies", {"admin", "/api/bus/policies" + query, json::object()}},
      {"GET /api/bus/topics", {"token", "/api/bus/topics", nullptr, 200}},
      {"POST /api/bus/topics", {"admin", "/api/bus/topics", topic}},
      {"POST /api/bus/topics/terminate", {"admin", "/api/bus/topics/terminate", topic}},
      {"POST /api/bus/topics/compaction", {"admin", "/api/bus/topics/compaction", topic}},
      {"POST /api/bus/topics/partitions",
       {"admin", "/api/bus/topics/partitions", with(topic, "partitions", 2)}},
      {"DELETE /api/bus/topics", {"admin", "/api/bus/topics" + query}},
      {"GET /api/bus/stats", {"token", "/api/bus/stats" + query}},
      {"GET /api/bus/topics/{topic}/stats", {"token", "/api/bus/topics/orders/stats"}},
      {"GET /api/bus/messages", {"consume", "/api/bus/messages" + query}},
      {"GET /api/bus/topics/{topic}/messages", {"consume", "/api/bus/topics/orders/messages"}},
      {"POST /api/bus/messages", {"produce", "/api/bus/messages" + query, messages}},
      {"POST /api/bus/topics/{topic}/messages", {"produce", "/api/bus/topics/orders/messages", messages}},
      {"POST /api/bus/subscriptions",
       {"consume", "/api/bus/subscriptions",
        with(with(topic, "subscription", "n"), "initial_position", "latest")}},
      {"DELETE /api/bus/subscriptions", {"consume", "/api/bus/subscriptions" + query + "&subscription=s"}},
      {"POST /api/bus/subscriptions/skip-all", {"consume", "/api/bus/subscriptions/skip-all", subscription}},
      {"POST /api/bus/subscriptions/skip",
       {"consume", "/api/bus/subscriptions/skip", with(subscription, "entries", 1)}},
      {"POST /api/bus/subscriptions/expire",
       {"consume", "/api/bus/subscriptions/expire", with(subscription, "older_than_ms", 1)}},
      {"POST /api/bus/subscriptions/seek",
       {"consume", "/api/bus/subscriptions/seek", with(subscription, "to", "earliest")}},
      {"GET /api/bus/consumers", {"consume", "/api/bus/consumers", nullptr, 200}},
      {"POST /api/bus/consumers", {"consume", "/api/bus/consumers", subscription}},
      {"DELETE /api/bus/consumers/{id}", {"consume", "/api/bus/consumers/" + consumer_, nullptr, 404}},
      {"POST /api/bus/consumers/{id}/receive",
       {"consume", "/api/bus/consumers/" + consumer_ + "/receive", {{"max", 1}}, 404}},
      {"POST /api/bus/consumers/{id}/ack", {"consume", "/api/bus/consumers/" + consumer_ + "/ack", ids, 404}},
      {"POST /api/bus/consumers/{id}/nack",
       {"consume", "/api/bus/consumers/" + consumer_ + "/nack", ids, 404}},
  };
  const std::vector<std::string> permissions{"query", "produce", "consume", "admin"};
  std::set<std::string> seen;
  for (const net::Route* route : server_->router().routes()) {
    const std::string name = route->method + ' ' + route->pattern;
    SCOPED_TRACE(name);
    const auto found = rows.find(name);
    ASSERT_NE(found, rows.end()) << "a route without a row: say what it needs and what a stranger gets";
    seen.insert(name);
    const Row& row = found->second;
    EXPECT_EQ(to_string(route->need), row.need);
    EXPECT_EQ(as("", route->method, row.path, row.body).status, 401);
    EXPECT_EQ(as("stranger", route->method, row.path, row.body).status, 403);
    for (const auto& permission : permissions) {
      if (row.need == "token" || row.need == permission) continue;
      EXPECT_EQ(as("a-" + permission, route->method, row.path, row.body).status, 403) << permission;
    }
    const Answer answer = as("a-all", route->method, row.path, row.body);
    EXPECT_EQ(answer.status, row.foreign) << answer.body;
    EXPECT_EQ(answer.body.dump().find("b's own"), std::string::npos) << answer.body;
    if (row.foreign == 200) {
      EXPECT_EQ(answer.body.dump().find("b/shop"), std::string::npos) << answer.body;
    }
  }
  EXPECT_EQ(seen.size(), rows.size()) << "rows of routes that are no more";
  // Nothing of it has touched what is b's.
  const auto got = as("b-all", "POST", "/api/bus/consumers/" + consumer_ + "/receive", {{"wait_ms", 5000}});
  ASSERT_EQ(got.status, 200) << got.body;
  EXPECT_EQ(got.body["messages"][0]["body"], "b's own");
}

TEST_F(HttpBusAccess, SuperusersAndTheOwnTenantGetIn) {
  for (const auto* role : {"root", "b-all"}) {
    EXPECT_EQ(as(role, "GET", "/api/bus/messages?topic=" + kEncoded).body["messages"].size(), 1U) << role;
    EXPECT_EQ(as(role, "GET", "/api/bus/consumers").body["consumers"].size(), 1U) << role;
    EXPECT_EQ(as(role, "GET", "/api/bus/topics").body["topics"].size(), 1U) << role;
  }
  EXPECT_EQ(as("a-all", "POST", "/api/bus/topics", {{"topic", "persistent://a/own/t"}}).status, 201);
  EXPECT_EQ(as("a-all", "GET", "/api/bus/namespaces").body["namespaces"], json::array({"a/own"}));
}

TEST_F(HttpBusAccess, ADeadLetterTopicMustBeOnesOwnToo) {
  const json wanted{{"topic", "persistent://a/own/t"},
                    {"subscription", "s"},
                    {"type", "shared"},
                    {"dead_letter", {{"max_redeliveries", 1}, {"topic", kTopic}}}};
  EXPECT_EQ(as("a-all", "POST", "/api/bus/consumers", wanted).status, 403);
}

TEST_F(HttpBusAccess, WhatIsKeptCanBeLookedAtOnly) {
  EXPECT_EQ(as("root", "POST", "/api/bus/topics", {{"topic", "persistent://a/kept/t"}}).status, 201);
  const std::string topic = "?topic=persistent%3A%2F%2Fa%2Fkept%2Ft";
  EXPECT_EQ(as("a-all", "GET", "/api/bus/messages" + topic).status, 200);
  EXPECT_EQ(as("a-all", "GET", "/api/bus/stats" + topic).status, 200);
  EXPECT_EQ(as("a-all", "POST", "/api/bus/messages" + topic, {{"messages", {{{"body", "forged"}}}}}).status,
            403);
  EXPECT_EQ(as("a-all", "PUT", "/api/bus/policies?namespace=a%2Fkept", json::object()).status, 403);
  EXPECT_EQ(
      as("a-all", "POST", "/api/bus/consumers", {{"topic", "persistent://a/kept/t"}, {"subscription", "s"}})
          .status,
      403);
}

TEST_F(HttpBusAccess, NoWayOfWritingANameGetsAround) {
  for (const auto* name :
       {"b/shop/orders", "persistent://b/shop/orders-partition-0", "non-persistent://b/shop/orders",
        "persistent://a/own/../../b/shop/orders", "persistent://a/../b/shop/orders",
        "persistent:///b/shop/orders", "PERSISTENT://b/shop/orders", "/b/shop/orders", "orders", ""}) {
    const std::string query = "?topic=" + net::percent_encode(name);
    for (const auto* path : {"/api/bus/messages", "/api/bus/stats", "/api/bus/policies"})
      EXPECT_THAT(as("a-all", "GET", path + query).status, AnyOf(400, 403)) << path << ' ' << name;
    EXPECT_THAT(as("a-all", "POST", "/api/bus/consumers", {{"topic", name}, {"subscription", "s"}}).status,
                AnyOf(400, 403))
        << name;
  }
  for (const auto* name : {"b/shop", "b", "a/../b/shop", "/b/shop", "b/shop/", ""}) {
    const std::string query = "?namespace=" + net::percent_encode(name);
    EXPECT_THAT(as("a-all", "GET", "/api/bus/topics" + query).status, AnyOf(400, 403)) << name;
    EXPECT_THAT(as("a-all", "GET", "/api/bus/policies" + query).status, AnyOf(400, 403)) << name;
  }
}

TEST_F(HttpBusAccess, ATopicIsNamedInOnePlace) {
  EXPECT_EQ(as("root", "GET", "/api/bus/topics/orders/messages?topic=" + kEncoded).status, 400);
}

}  // namespace
}  // namespace geminga::doors
