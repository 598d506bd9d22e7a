#include "auth/authenticator.hpp"

#include <gtest/gtest.h>

#include "base/base64.hpp"

namespace geminga::auth {
namespace {

const std::string kSecret(32, 'k');

AuthSettings settings() {
  AuthSettings out;
  out.token_secret_key = "data:;base64," + base::to_base64(kSecret);
  out.superuser_roles = {"root"};
  out.monitor_roles = {"prometheus"};
  out.service_roles = {"gateway"};
  out.roles["gateway"] = {.tenant = "acme"};
  out.roles["reader"] = {.tenant = "acme", .permissions = {Permission::consume}};
  return out;
}

std::string bearer(const std::string& role) {
  return "Bearer " + sign_token(Key::secret(kSecret).value(), {.subject = role}).value();
}

TEST(Authenticator, MakesAPrincipalOfAToken) {
  const auto authenticator = Authenticator::create(settings()).value();
  const auto gateway = authenticator.authenticate(bearer("gateway"))->principal;
  EXPECT_EQ(gateway->tenant, "acme");
  EXPECT_TRUE(gateway->service);
  EXPECT_TRUE(check_need(*gateway, Need::query));
  EXPECT_FALSE(check_need(*gateway, Need::admin)) << "not unless it is said";
  const auto reader = authenticator.authenticate(bearer("reader"))->principal;
  EXPECT_TRUE(check_need(*reader, Need::token));
  EXPECT_TRUE(check_need(*reader, Need::consume));
  for (const auto need : {Need::query, Need::produce, Need::admin, Need::monitor, Need::superuser})
    EXPECT_EQ(check_need(*reader, need).error().code, ErrorCode::forbidden) << to_string(need);
  const auto root = authenticator.authenticate(bearer("root"))->principal;
  for (const auto need : {Need::query, Need::produce, Need::admin, Need::monitor, Need::superuser})
    EXPECT_TRUE(check_need(*root, need)) << to_string(need);
  EXPECT_TRUE(check_need(*authenticator.authenticate(bearer("prometheus"))->principal, Need::monitor));
}

TEST(Authenticator, SaysForHowLong) {
  base::ManualClock clock;
  const auto authenticator = Authenticator::create(settings(), &clock).value();
  const auto begins = std::chrono::floor<std::chrono::seconds>(clock.wall_now());
  const Claims claims{.subject = "root", .expires_at = begins.time_since_epoch().count() + 10};
  const auto token = sign_token(Key::secret(kSecret).value(), claims).value();
  EXPECT_EQ(authenticator.authenticate_token(token)->until, begins + std::chrono::seconds{10} + kLeeway);
  EXPECT_FALSE(authenticator.authenticate(bearer("root"))->until);
  clock.advance(std::chrono::seconds{9} + kLeeway);
  EXPECT_TRUE(authenticator.authenticate_token(token));
  clock.advance(std::chrono::seconds{1});
  EXPECT_FALSE(authenticator.authenticate_token(token)) << "from that time on";
}

TEST(Authenticator, RefusesWhoCannotProveIt) {
  const auto authenticator = Authenticator::create(settings()).value();
  for (const std::string& header :
       {std::string(), std::string("Bearer "), std::string("Basic cm9vdDo="),
        "bearer" + bearer("root").substr(6), bearer("root") + "x", bearer("root").substr(7)})
    EXPECT_EQ(authenticator.authenticate(header).error().code, ErrorCode::unauthorized)
        << header.substr(0, 12);
  EXPECT_EQ(authenticator.authenticate(bearer("stranger")).error().code, ErrorCode::forbidden);
  EXPECT_EQ(authenticator.authenticate(bearer("Root")).error().code, ErrorCode::forbidden);
}

TEST(Authenticator, SettingsThatCannotBeMeantAreRefused) {
  const auto refused = [](auto change) {
    auto wrong = settings();
    change(wrong);
    const auto made = Authenticator::create(wrong);
    EXPECT_FALSE(made);
    return made ? std::string() : made.error().message;
  };
  EXPECT_NE(refused([](auto& s) { s.token_secret_key.clear(); }).find("no key"), std::string::npos);
  EXPECT_NE(refused([](auto& s) { s.token_public_key = "file:///x"; }).find("one way"), std::string::npos);
  EXPECT_NE(refused([](auto& s) { s.token_secret_key = "data:;base64,c2hvcnQ="; }).find("32"),
            std::string::npos);
  EXPECT_NE(refused([](auto& s) { s.roles["reader"].tenant = "a/b"; }).find("reader"), std::string::npos);
  EXPECT_NE(refused([](auto& s) { s.roles.erase("gateway"); }).find("gateway"), std::string::npos);
  EXPECT_NE(refused([](auto& s) {
              s = {};
              s.token_secret_key = settings().token_secret_key;
            }).find("nobody"),
            std::string::npos);
}

TEST(Principal, SeesItsOwnTenant) {
  EXPECT_TRUE(sees_tenant(nullptr, "acme"));
  Principal acme{.role = "a", .tenant = "acme"};
  const auto own = std::make_shared<const Principal>(acme);
  EXPECT_TRUE(sees_tenant(own, "acme"));
  for (const auto* other : {"", "acm", "acme2", "ACME"}) EXPECT_FALSE(sees_tenant(own, other)) << other;
  const auto nobody =
      std::make_shared<const Principal>(Principal{.role = "m", .tenant = {}, .monitor = true});
  EXPECT_FALSE(sees_tenant(nobody, ""));
  EXPECT_TRUE(sees_tenant(
      std::make_shared<const Principal>(Principal{.role = "r", .tenant = {}, .superuser = true}), ""));
}

TEST(Permission, HasItsName) {
  for (const auto each : {Permission::query, Permission::produce, Permission::consume, Permission::admin})
    EXPECT_EQ(parse_permission(to_string(each)).value(), each);
  EXPECT_FALSE(parse_permission("write"));
}

}  // namespace
}  // namespace geminga::auth
