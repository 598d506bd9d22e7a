// Who may do what, and for how long.
#include <string>

#include "auth/authenticator.hpp"
#include "auth/token.hpp"
#include "base/base64.hpp"
#include "base/clock.hpp"
#include "doors/pulsar/door_fixture.hpp"

namespace geminga::doors::pulsar {
namespace {

using namespace std::chrono_literals;
using auth::Permission;
using ::testing::HasSubstr;

class PulsarAuthenticationTest : public testing::PulsarDoorTest {
 protected:
  void SetUp() override {
    const std::string secret = auth::new_secret_key().value();
    key_.emplace(auth::Key::secret(secret).value());
    auth::AuthSettings settings;
    settings.token_secret_key = "data:;base64," + base::to_base64(secret);
    settings.superuser_roles = {"root"};
    settings.roles["both"] = {.tenant = "acme", .permissions = {Permission::produce, Permission::consume}};
    settings.roles["produces"] = {.tenant = "acme", .permissions = {Permission::produce}};
    settings.roles["consumes"] = {.tenant = "acme", .permissions = {Permission::consume}};
    settings.roles["asks"] = {.tenant = "acme", .permissions = {Permission::query}};
    options_.authenticator =
        std::make_shared<auth::Authenticator>(auth::Authenticator::create(settings, &clock_).value());
    options_.clock = &clock_;
    options_.kept = [](std::string_view path) { return path == "acme/kept"; };
    options_.refresh_timeout = 1min;
    options_.keep_alive = options_.write_timeout = 24h;
    options_.doubt_timeout = 100ms;  // and so it looks often
    PulsarDoorTest::SetUp();
  }
  [[nodiscard]] std::string token(std::string role, std::chrono::seconds lives = 1h) const {
    const auto now = std::chrono::floor<std::chrono::seconds>(clock_.wall_now());
    return auth::sign_token(
               *key_, {.subject = std::move(role), .expires_at = (now + lives).time_since_epoch().count()})
        .value();
  }
  std::unique_ptr<testing::RawPulsar> client_of(const std::string& role) {
    auto client = stranger();
    client->connect(token(role));
    return client;
  }
  /// Why it may not; empty: it may.
  static std::string producing(testing::RawPulsar& client, std::string_view topic) {
    client.say(wire::CommandProducer{.topic = topic, .producer_id = 1, .request_id = 1});
    return answer(client);
  }
  static std::string consuming(testing::RawPulsar& client, std::string_view topic) {
    client.say(
        wire::CommandSubscribe{.topic = topic, .subscription = "s", .consumer_id = 1, .request_id = 2});
    return answer(client);
  }

  base::ManualClock clock_;
  std::optional<auth::Key> key_;

  static std::string answer(testing::RawPulsar& client) {
    for (;;) {
      const std::string bytes = client.frame();
      const auto frame = wire::parse_frame(bytes).value();
      if (frame.type == wire::CommandType::ping) continue;
      if (frame.type != wire::CommandType::error) return {};
      const auto error = wire::decode<wire::CommandError>(frame.command).value();
      EXPECT_EQ(error.error, wire::ServerError::authorization);
      return std::string(error.message);
    }
  }
};

constexpr std::string_view kMine = "persistent://acme/default/t";

TEST_F(PulsarAuthenticationTest, WhoCannotSayWhoItIsDoesNotComeIn) {
  for (const auto& [method, data] :
       std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                        {"token", ""},
                                                        {"token", "nonsense"},
                                                        {"basic", token("both")},
                                                        {"token", token("nobody")},
                                                        {"token", token("both", -10min)}}) {
    const auto client = stranger();
    wire::CommandConnect connect{.client_version = "raw", .protocol_version = 20};
    connect.auth_method_name = std::string_view(method);
    connect.auth_data = std::string_view(data);
    client->say(connect);
    EXPECT_EQ(client->hear<wire::CommandError>()->error, wire::ServerError::authentication) << method;
    EXPECT_TRUE(client->closed());
  }
}

TEST_F(PulsarAuthenticationTest, NobodySpeaksForSomebodyElse) {
  const std::string root = token("root");
  for (const bool by_name : {true, false}) {
    const auto proxy = stranger();
    wire::CommandConnect connect{.client_version = "proxy", .protocol_version = 20};
    connect.auth_method_name = "token";
    connect.auth_data = std::string_view(root);
    (by_name ? connect.original_principal : connect.original_auth_data) = std::string_view("both");
    proxy->say(connect);
    const auto refused = proxy->hear<wire::CommandError>();
    EXPECT_EQ(refused->error, wire::ServerError::authorization);
    EXPECT_THAT(std::string(refused->message), HasSubstr("proxies"));
    EXPECT_TRUE(proxy->closed());
  }
}

TEST_F(PulsarAuthenticationTest, ARoleMayWhatItsPermissionsSayInItsOwnTenant) {
  EXPECT_EQ(producing(*client_of("both"), kMine), "");
  EXPECT_EQ(consuming(*client_of("both"), kMine), "");
  EXPECT_EQ(producing(*client_of("produces"), kMine), "");
  EXPECT_THAT(consuming(*client_of("produces"), kMine), HasSubstr("consume"));
  EXPECT_EQ(consuming(*client_of("consumes"), kMine), "");
  EXPECT_THAT(producing(*client_of("consumes"), kMine), HasSubstr("produce"));
  EXPECT_THAT(producing(*client_of("asks"), kMine), HasSubstr("lacks"));
  for (const std::string_view other :
       {"persistent://public/default/t", "non-persistent://public/default/t"}) {
    EXPECT_THAT(producing(*client_of("both"), other), HasSubstr("not of the tenant"));
    EXPECT_THAT(consuming(*client_of("both"), other), HasSubstr("not of the tenant"));
    EXPECT_EQ(producing(*client_of("root"), other), "");
  }
  EXPECT_THAT(producing(*client_of("both"), "persistent://acme/kept/t"), HasSubstr("kept"));
  EXPECT_EQ(producing(*client_of("root"), "persistent://acme/kept/t"), "");
}

TEST_F(PulsarAuthenticationTest, ASubscriptionThatComesWithAProducerNeedsBothPermissions) {
  const auto refusal = [&](const std::string& role, std::string_view subscription) {
    const auto client = client_of(role);
    wire::CommandProducer producer{.topic = kMine, .producer_id = 1, .request_id = 1};
    producer.initial_subscription_name = subscription;
    client->say(producer);
    return answer(*client);
  };
  EXPECT_THAT(refusal("produces", "s"), HasSubstr("consume"));
  EXPECT_THAT(refusal("consumes", "s"), HasSubstr("produce"));
  EXPECT_EQ(refusal("both", "s"), "");
}

TEST_F(PulsarAuthenticationTest, NamesOfOthersAreNotLookedUp) {
  const auto client = client_of("both");
  client->say(wire::CommandLookupTopic{.topic = "persistent://public/default/t", .request_id = 1});
  EXPECT_EQ(*client->hear<wire::CommandLookupTopicResponse>()->error, wire::ServerError::authorization);
  client->say(
      wire::CommandPartitionedTopicMetadata{.topic = "persistent://public/default/t", .request_id = 2});
  EXPECT_EQ(*client->hear<wire::CommandPartitionedTopicMetadataResponse>()->error,
            wire::ServerError::authorization);
  client->say(wire::CommandGetTopicsOfNamespace{.request_id = 3, .namespace_name = "public/default"});
  EXPECT_EQ(client->hear<wire::CommandError>()->error, wire::ServerError::authorization);
}

TEST_F(PulsarAuthenticationTest, SchemasAreForThoseWhoUseTheTopic) {
  EXPECT_EQ(producing(*client_of("both"), kMine), "");
  const auto reads = [&](const std::string& role) {
    const auto client = client_of(role);
    client->say(wire::CommandGetSchema{.request_id = 1, .topic = kMine});
    return *client->hear<wire::CommandGetSchemaResponse>()->error_code != wire::ServerError::authorization;
  };
  EXPECT_TRUE(reads("produces"));
  EXPECT_TRUE(reads("consumes"));
  EXPECT_FALSE(reads("asks"));
  const auto creates = [&](const std::string& role) {
    const auto client = client_of(role);
    client->say(wire::CommandGetOrCreateSchema{
        .request_id = 1, .topic = kMine, .schema = {.type = wire::SchemaType::string}});
    return !client->hear<wire::CommandGetOrCreateSchemaResponse>()->error_code.present();
  };
  EXPECT_FALSE(creates("consumes"));
  EXPECT_FALSE(reads("consumes") && creates("asks"));
  EXPECT_TRUE(creates("produces"));
}

TEST_F(PulsarAuthenticationTest, AClientWhoseTokenExpiresIsAskedForANewOneOfItsRole) {
  const auto client = stranger();
  client->connect(token("both", 10s), {.supports_auth_refresh = true});
  clock_.advance(5min);
  EXPECT_EQ(*client->hear<wire::CommandAuthChallenge>()->challenge->auth_method_name, "token");
  const auto respond = [&](const std::string& with) {
    wire::CommandAuthResponse response;
    response.response = wire::AuthData{.auth_method_name = "token", .auth_data = std::string_view(with)};
    client->say(response);
  };
  const std::string fresh = token("both", 10s);
  respond(fresh);
  EXPECT_EQ(producing(*client, kMine), "");
  clock_.advance(5min);
  client->hear<wire::CommandAuthChallenge>();
  const std::string other = token("produces");
  respond(other);
  EXPECT_EQ(client->hear<wire::CommandError>()->error, wire::ServerError::authentication);
  EXPECT_TRUE(client->closed());
}

TEST_F(PulsarAuthenticationTest, WhoDoesNotOrCannotRenewItsTokenEnds) {
  const auto silent = stranger();
  silent->connect(token("both", 10s), {.supports_auth_refresh = true});
  const auto cannot = stranger();
  cannot->connect(token("both", 10s));
  clock_.advance(5min);
  silent->hear<wire::CommandAuthChallenge>();
  clock_.advance(2min);
  EXPECT_TRUE(silent->closed());
  EXPECT_TRUE(cannot->closed());
}

}  // namespace
}  // namespace geminga::doors::pulsar
