#include "net/authorization.hpp"

#include <array>
#include <optional>
#include <semaphore>
#include <vector>

#include <gtest/gtest.h>

#include "base/base64.hpp"
#include "net/http_path.hpp"
#include "net/raw_client.hpp"

namespace geminga::net {
namespace {

using auth::Need;

const std::string kSecret(32, 'k');

/// A server with one route for each need.
class AuthorizationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auth::AuthSettings settings;
    settings.token_secret_key = "data:;base64," + base::to_base64(kSecret);
    settings.superuser_roles = {"root"};
    settings.monitor_roles = {"monitor"};
    settings.roles["asker"] = {.tenant = "t", .permissions = {auth::Permission::query}};
    settings.roles["producer"] = {.tenant = "t", .permissions = {auth::Permission::produce}};
    settings.roles["consumer"] = {.tenant = "t", .permissions = {auth::Permission::consume}};
    settings.roles["admin"] = {.tenant = "t", .permissions = {auth::Permission::admin}};
    Router router;
    for (const Need need : kNeeds)
      router.get(
          "/" + std::string(to_string(need)),
          [](const HttpRequest& request, Responder responder) {
            responder.respond(
                HttpResponse::text(200, request.principal == nullptr ? "nobody" : request.principal->role));
          },
          need);
    router.get("/undeclared",
               [](const HttpRequest&, Responder responder) { responder.respond(HttpResponse{}); });
    server_ = HttpServer::listen({.authorizer = Authorization(auth::Authenticator::create(settings).value())},
                                 std::move(router))
                  .value();
  }

  testing::RawClient::Response ask(const std::string& path, const std::string& headers,
                                   const std::string& method = "GET") {
    testing::RawClient client(server_->port());
    client.send(method + " " + path + " HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n");
    return client.read_response(/*head_only=*/method == "HEAD");
  }
  static std::string bearer(const std::string& role) {
    return "Authorization: Bearer " +
           auth::sign_token(auth::Key::secret(kSecret).value(), {.subject = role}).value() + "\r\n";
  }

  static constexpr std::array kNeeds{Need::nothing, Need::token, Need::query,   Need::produce,
                                     Need::consume, Need::admin, Need::monitor, Need::superuser};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(AuthorizationTest, EachRoleGetsWhatItsRoutesNeed) {
  struct Row {
    std::string role;
    std::array<bool, 8> may;  // as kNeeds
  };
  const Row rows[] = {{"asker", {true, true, true, false, false, false, false, false}},
                      {"producer", {true, true, false, true, false, false, false, false}},
                      {"consumer", {true, true, false, false, true, false, false, false}},
                      {"admin", {true, true, false, false, false, true, false, false}},
                      {"monitor", {true, true, false, false, false, false, true, false}},
                      {"root", {true, true, true, true, true, true, true, true}},
                      {"stranger", {true, false, false, false, false, false, false, false}}};
  for (const auto& [role, may] : rows) {
    for (std::size_t i = 0; i < kNeeds.size(); ++i) {
      const auto answer = ask("/" + std::string(to_string(kNeeds.at(i))), bearer(role));
      EXPECT_EQ(answer.status, may.at(i) ? 200 : 403) << role << ' ' << to_string(kNeeds.at(i));
      if (may.at(i)) {
        EXPECT_EQ(answer.body, kNeeds.at(i) == Need::nothing ? "nobody" : role);
      }
    }
    EXPECT_EQ(ask("/undeclared", bearer(role)).status, role == "root" ? 200 : 403) << role;
  }
}

TEST_F(AuthorizationTest, WithoutATokenThereIsNothingButOpenRoutes) {
  EXPECT_EQ(ask("/nothing", "").status, 200);
  for (const std::string& headers :
       {std::string(), std::string("Authorization: Basic cm9vdDo=\r\n"),
        std::string("Authorization: Bearer x\r\n"), bearer("root") + bearer("root")})
    for (const auto* path : {"/token", "/superuser", "/undeclared", "/missing", "/Nothing", "/nothing/"}) {
      const auto answer = ask(path, headers);
      EXPECT_EQ(answer.status, 401) << path << ' ' << headers.substr(0, 30);
      EXPECT_EQ(answer.header("WWW-Authenticate"), "Bearer");
    }
  EXPECT_EQ(ask("/token", "", "HEAD").status, 401);
  EXPECT_EQ(ask("/token", "", "DELETE").status, 401);
  EXPECT_EQ(ask("/token", bearer("root"), "DELETE").status, 405);
  EXPECT_EQ(ask("/missing", bearer("root")).status, 404);
}

HttpRequest head_of(const auth::Claims& claims) {
  HttpRequest head;
  head.headers.add("Authorization",
                   "Bearer " + auth::sign_token(auth::Key::secret(kSecret).value(), claims).value());
  return head;
}

auth::Authenticator few_roles(base::Clock* clock = nullptr) {
  auth::AuthSettings settings;
  settings.token_secret_key = "data:;base64," + base::to_base64(kSecret);
  settings.superuser_roles = {"one", "two"};
  settings.monitor_roles = {"watcher"};
  return auth::Authenticator::create(settings, clock).value();
}

TEST(AuthorizationShares, ARoleThatAsksTooOftenIsPutOffAndNobodyElse) {
  base::ManualClock clock;
  const Authorization authorization(few_roles(), {.requests_per_second = 4, .clock = &clock});
  const auto ask = [&](const std::string& role) {
    return authorization(head_of({.subject = role}), nullptr);
  };
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(ask("one")) << i;
  EXPECT_EQ(ask("one").error().code, ErrorCode::overloaded);
  EXPECT_TRUE(ask("two"));
  clock.advance(std::chrono::milliseconds{251});
  EXPECT_TRUE(ask("one"));
  EXPECT_FALSE(ask("one"));
  clock.advance(std::chrono::hours{1});
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(ask("one")) << i;
  EXPECT_FALSE(ask("one")) << "what was not used is not saved up";
}

TEST(AuthorizationShares, ARoleHasSoManyRequestsUnderWayAndAnothersDoNotCount) {
  const Authorization authorization(few_roles(), {.requests_at_once = 2});
  const auto ask = [&](const std::string& role) {
    return authorization(head_of({.subject = role}), nullptr);
  };
  const auto first = ask("one");
  auto second = ask("one");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(ask("one").error().code, ErrorCode::overloaded);
  EXPECT_TRUE(ask("two"));
  second->place.reset();
  EXPECT_TRUE(ask("one")) << "it was given back";
}

TEST_F(AuthorizationTest, ARequestThatWasAnsweredIsNotUnderWay) {
  server_.reset();
  Router router;
  std::optional<Responder> held;
  std::binary_semaphore here{0};
  router.get("/held", [&](const HttpRequest&, Responder responder) {
    held.emplace(std::move(responder));
    here.release();
  });
  router.get("/quick",
             [](const HttpRequest&, Responder responder) { responder.respond(HttpResponse::text(200, "")); });
  server_ = HttpServer::listen({.authorizer = Authorization(few_roles(), {.requests_at_once = 1})},
                               std::move(router))
                .value();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask("/quick", bearer("one")).status, 200) << i;
  EXPECT_EQ(ask("/missing", bearer("one")).status, 404);
  testing::RawClient client(server_->port());
  client.get("/held", bearer("one"));
  ASSERT_TRUE(here.try_acquire_for(std::chrono::seconds{5}));
  const auto refused = ask("/quick", bearer("one"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_EQ(ask("/quick", bearer("two")).status, 200);
  held->respond(HttpResponse::text(200, ""));
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(ask("/quick", bearer("one")).status, 200);
}

TEST(AuthorizationUntil, AnAdmissionEndsWithItsToken) {
  base::ManualClock clock;
  const Authorization authorization(few_roles(&clock), {.clock = &clock});
  const auto seconds = std::chrono::floor<std::chrono::seconds>(clock.wall_now()).time_since_epoch().count();
  const auto until = [&](std::optional<std::int64_t> expires_at) {
    return authorization(head_of({.subject = "one", .expires_at = expires_at}), nullptr).value().until;
  };
  EXPECT_EQ(until(std::nullopt), base::MonotonicTime::max());
  EXPECT_EQ(until(seconds + 10), clock.monotonic_now() + std::chrono::seconds{10} + auth::kLeeway);
  EXPECT_EQ(until(seconds - 10), clock.monotonic_now() - std::chrono::seconds{10} + auth::kLeeway);
  EXPECT_EQ(until(253'402'300'799), base::MonotonicTime::max()) << "the year 9999 is far enough";
}

TEST(AuthorizationRefusals, AreToldWithTheRoleThatIsKnown) {
  std::vector<std::string> told;
  const Authorization authorization(
      few_roles(), {.on_refused = [&](const HttpRequest&, const std::string& role, const Error& why) {
        told.push_back(role + ' ' + std::string(why.name()));
      }});
  const Route route{.method = "GET", .pattern = "/x", .handler = {}, .need = auth::Need::query};
  EXPECT_TRUE(authorization(head_of({.subject = "one"}), &route));
  EXPECT_FALSE(authorization(HttpRequest{}, &route));
  EXPECT_FALSE(authorization(head_of({.subject = "stranger"}), nullptr));
  EXPECT_FALSE(authorization(head_of({.subject = "watcher"}), &route));
  EXPECT_EQ(told, (std::vector<std::string>{" unauthorized", " forbidden", "watcher forbidden"}));
}

TEST_F(AuthorizationTest, MethodsCannotBeOverridden) {
  EXPECT_EQ(ask("/superuser", bearer("asker") + "X-HTTP-Method-Override: OPTIONS\r\n").status, 403);
  for (const auto* path :
       {"//superuser", "/superuser%2f", "/nothing/%2e%2e/superuser", "/superuser;x", "/nothing/../superuser"})
    EXPECT_NE(ask(path, bearer("asker")).status, 200) << path;
}

}  // namespace
}  // namespace geminga::net
