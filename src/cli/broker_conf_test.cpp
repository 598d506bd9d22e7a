#include "cli/broker_conf.hpp"

#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/broker_conf_keys.hpp"

namespace geminga::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

const char* nothing(const char*) {
  return nullptr;
}

class BrokerConf : public testing::Test {
 protected:
  void SetUp() override {
    file_ = std::filesystem::path(testing::TempDir()) / "geminga_broker_conf_test.conf";
    toml_ = std::filesystem::path(testing::TempDir()) / "geminga_broker_conf_test.toml";
  }
  void TearDown() override {
    std::filesystem::remove(file_);
    std::filesystem::remove(toml_);
  }

  Result<ServeSettings> load(const std::string& text, std::map<std::string, std::string> flags = {}) {
    std::ofstream(file_) << text;
    Arguments arguments;
    for (const auto& option : setting_options()) arguments.declare(option.name);
    flags["broker-conf"] = file_.string();
    for (const auto& [name, value] : flags) arguments.add(name, value);
    return load_settings(arguments, nothing);
  }
  ServeSettings loaded(const std::string& text, std::map<std::string, std::string> flags = {}) {
    auto settings = load(text, std::move(flags));
    EXPECT_TRUE(settings) << settings.error().message;
    return settings ? *std::move(settings) : ServeSettings{};
  }
  std::string refused(const std::string& text) {
    const auto settings = load(text);
    if (settings) return "it is taken";
    EXPECT_EQ(settings.error().code, ErrorCode::config_error);
    return settings.error().message;
  }
  static ConfLine line_of(const ServeSettings& settings, const std::string& key) {
    for (const ConfLine& line : settings.conf_report.lines)
      if (line.key == key) return line;
    ADD_FAILURE() << "no line for " << key;
    return {};
  }

  std::filesystem::path file_;
  std::filesystem::path toml_;
};

const std::string kTokens =
    "authenticationEnabled=true\nsuperUserRoles=admin, root\ntokenSecretKey=data:;base64,"
    "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n"
    "authenticationProviders=org.apache.pulsar.broker.authentication.AuthenticationProviderToken\n";
const std::string kTls =
    "brokerServicePortTls=6651\nwebServicePortTls=8443\ntlsCertificateFilePath=/c.pem\ntlsKeyFilePath=/"
    "k.pem\n";

// --- the table --------------------------------------------------------------------------------------------

TEST(BrokerConfTable, EveryKeyOfPulsarsFilesHasAClassAndOnlyOne) {
  std::ifstream list(std::filesystem::path(GEMINGA_SOURCE_DIR) / "tests/data/pulsar/conf_keys.txt");
  std::set<std::string> listed;
  for (std::string key; std::getline(list, key);)
    if (!key.starts_with('#')) listed.insert(key);
  EXPECT_GT(listed.size(), 600U);
  for (const std::string& key : listed) EXPECT_TRUE(class_of_conf_key(key)) << key;
  EXPECT_FALSE(class_of_conf_key("brokerServicePorts"));

  std::map<std::string, int> count;
  for (const HonouredKey& key : kHonouredKeys) ++count[std::string(key.name)];
  for (const UnsupportedKey& key : kUnsupportedKeys) ++count[std::string(key.name)];
  for (const IrrelevantKeys& group : kIrrelevantKeys) {
    std::istringstream names{std::string(group.names)};
    for (std::string name; names >> name;) ++count[name];
  }
  for (const auto& [key, times] : count) {
    EXPECT_EQ(times, 1) << key;
    EXPECT_TRUE(listed.contains(key)) << key << " is no key of Pulsar";
  }
}

// --- what is honoured -------------------------------------------------------------------------------------

TEST_F(BrokerConf, PortsAndAddresses) {
  const auto settings =
      loaded("brokerServicePort=6660\nwebServicePort=8090\nadvertisedAddress=broker.example\n");
  EXPECT_EQ(settings.pulsar, "127.0.0.1:6660");
  EXPECT_EQ(settings.http, "127.0.0.1:8090");
  EXPECT_EQ(settings.advertise, "broker.example");
  EXPECT_EQ(settings.pulsar_tls, "");
  EXPECT_EQ(loaded("bindAddress=::1\n").pulsar, "[::1]:6650");
  EXPECT_EQ(loaded("# nothing\n").http, "127.0.0.1:8080");
  const auto tls = loaded(kTls + "brokerServicePort=\nwebServicePort=\ntlsProtocols=TLSv1.3\n");
  EXPECT_EQ(tls.pulsar, "");
  EXPECT_EQ(tls.http, "");
  EXPECT_EQ(tls.pulsar_tls, "127.0.0.1:6651");
  EXPECT_EQ(tls.https, "127.0.0.1:8443");
  EXPECT_EQ(tls.tls.certificate, "/c.pem");
  EXPECT_TRUE(tls.tls.only_1_3);
}

TEST_F(BrokerConf, AnOpenAddressNeedsAuthenticationOrBothFlags) {
  const std::string open = "bindAddress=0.0.0.0\nbrokerServicePort=6650\nwebServicePort=8080\n";
  const auto narrowed = loaded(open);
  EXPECT_EQ(narrowed.pulsar, "127.0.0.1:6650");
  EXPECT_EQ(narrowed.http, "127.0.0.1:8080");
  EXPECT_EQ(line_of(narrowed, "bindAddress").kind, ConfClass::unsupported);
  EXPECT_EQ(loaded(open, {{"listen-all", "true"}, {"insecure", "true"}}).http, "0.0.0.0:8080");
  EXPECT_EQ(loaded(open + kTokens).http, "0.0.0.0:8080");
  EXPECT_EQ(loaded(open, {{"http", "0.0.0.0:9"}}).http, "0.0.0.0:9") << "refused later, as always";
}

TEST_F(BrokerConf, FlagsAndTheFileOfGemingaBeatIt) {
  std::ofstream(toml_) << "http = '127.0.0.1:2'\n[auth]\nsuperuser_roles = ['other']\n";
  const auto settings = loaded(kTokens + "brokerServicePort=1\nwebServicePort=1\n",
                               {{"pulsar", "127.0.0.1:3"}, {"config", toml_.string()}});
  EXPECT_EQ(settings.pulsar, "127.0.0.1:3");
  EXPECT_EQ(settings.http, "127.0.0.1:2");
  EXPECT_EQ(settings.auth.superuser_roles, std::set<std::string>{"other"});
  EXPECT_TRUE(settings.auth.takes_tokens());
}

TEST_F(BrokerConf, TokensRolesAndCertificates) {
  const auto tokens = loaded(kTokens + "anonymousUserRole=root\ntokenAudienceClaim=aud\ntokenAudience=me\n");
  EXPECT_TRUE(tokens.auth.on());
  EXPECT_EQ(tokens.auth.superuser_roles, (std::set<std::string>{"admin", "root"}));
  EXPECT_EQ(tokens.auth.anonymous_role, "root");
  EXPECT_EQ(tokens.auth.token_audience, "me");
  EXPECT_FALSE(tokens.auth.client_certificates) << "only what is listed proves a role";
  EXPECT_EQ(line_of(tokens, "tokenSecretKey").value, "***");

  const auto both =
      loaded(kTokens + kTls +
             "tlsTrustCertsFilePath=/ca.pem\ntlsRequireTrustedClientCertOnConnect=true\n"
             "authenticationProviders=x.AuthenticationProviderToken,x.AuthenticationProviderTls,"
             "x.AuthenticationProviderBasic\n");
  EXPECT_TRUE(both.auth.takes_certificates());
  EXPECT_TRUE(both.tls.client_certificate_required);
  EXPECT_EQ(line_of(both, "authenticationProviders: AuthenticationProviderBasic").kind,
            ConfClass::unsupported);

  const auto only = loaded(kTls +
                           "tlsTrustCertsFilePath=/ca.pem\nsuperUserRoles=admin\nauthenticationEnabled=true\n"
                           "authenticationProviders=x.AuthenticationProviderTls\ntokenSecretKey=x\n");
  EXPECT_FALSE(only.auth.takes_tokens());
  EXPECT_TRUE(only.auth.on());

  const auto off = loaded("superUserRoles=admin\ntokenSecretKey=x\nauthenticationProviders=x.Any\n");
  EXPECT_FALSE(off.auth.on());
}

TEST_F(BrokerConf, LimitsAndPolicies) {
  const auto settings = loaded(
      "maxMessageSize=1048576\nkeepAliveIntervalSeconds=7\nbrokerMaxConnections=9\nallowAutoTopicCreation="
      "false\n"
      "maxUnackedMessagesPerConsumer=5\nmaxUnackedMessagesPerSubscription=0\n"
      "ttlDurationDefaultInSeconds=60\nbacklogQuotaDefaultLimitGB=0.5\nbacklogQuotaDefaultLimitSecond=-1\n"
      "backlogQuotaDefaultRetentionPolicy=producer_exception\nbrokerDeleteInactiveTopicsEnabled=true\n"
      "brokerDeleteInactiveTopicsFrequencySeconds=90\nmaxProducersPerTopic=3\nmaxConsumersPerTopic=0\n"
      "maxPublishRatePerTopicInMessages=100\ndefaultRetentionTimeInMinutes=10\ndefaultRetentionSizeInMB=-"
      "1\n");
  EXPECT_EQ(settings.pulsar_door.message_bytes_max, 1U << 20);
  EXPECT_EQ(settings.pulsar_door.keep_alive, 7s);
  EXPECT_EQ(settings.pulsar_door.connections_max, 9U);
  EXPECT_FALSE(settings.pulsar_door.creates_topics);
  EXPECT_EQ(settings.embedded.unacked_per_consumer_max, 5U);
  EXPECT_EQ(settings.embedded.unacked_per_subscription_max, UINT64_MAX);
  EXPECT_EQ(settings.embedded.default_policies, (Policies{.message_ttl = 60s,
                                                          .backlog_bytes = 1ULL << 29,
                                                          .backlog_action = BacklogAction::producer_exception,
                                                          .inactive_after = 90s,
                                                          .publish_messages_per_second = 100,
                                                          .max_producers = 3}));
  EXPECT_EQ(settings.embedded.default_retention, (RetentionPolicy{.time = 10min, .bytes = std::nullopt}));
  const auto bytes = loaded("backlogQuotaDefaultLimitGB=1\nbacklogQuotaDefaultLimitBytes=5\n");
  EXPECT_EQ(bytes.embedded.default_policies.backlog_bytes, 5U);
  EXPECT_EQ(
      loaded("backlogQuotaDefaultLimitGB=1\nbacklogQuotaCheckEnabled=false\n").embedded.default_policies,
      Policies{});
  EXPECT_EQ(loaded("defaultRetentionTimeInMinutes=10\n").embedded.default_retention, RetentionPolicy{});
}

// --- what is said -----------------------------------------------------------------------------------------

TEST_F(BrokerConf, EachKeyIsAccountedFor) {
  const auto settings = loaded(
      "transactionCoordinatorEnabled=true\nwebSocketServiceEnabled=false\nbookkeeperClientTimeoutInSeconds="
      "3\n"
      "superUserRole=admin\nmaxProducersPerTopic=1\nmaxProducersPerTopic=2\n");
  EXPECT_EQ(line_of(settings, "transactionCoordinatorEnabled").kind, ConfClass::unsupported);
  EXPECT_EQ(line_of(settings, "webSocketServiceEnabled").kind, ConfClass::irrelevant)
      << "it asks for nothing";
  EXPECT_EQ(line_of(settings, "bookkeeperClientTimeoutInSeconds").kind, ConfClass::irrelevant);
  EXPECT_EQ(line_of(settings, "superUserRole").kind, ConfClass::unknown);
  EXPECT_THAT(line_of(settings, "superUserRole").note, HasSubstr("did you mean 'superUserRoles'"));
  EXPECT_EQ(line_of(settings, "maxProducersPerTopic").value, "2") << "the last one counts";
  EXPECT_EQ(settings.conf_report.lines.size(), 5U);
}

TEST_F(BrokerConf, AValueThatCannotBeReadIsNamedWithItsLine) {
  const std::string at = file_.string();
  EXPECT_EQ(refused("\nbrokerServicePort=x\n"),
            at + ":2: 'brokerServicePort': 'x' is no whole number from 0 to 65535");
  EXPECT_THAT(refused("brokerServicePort=70000\n"), HasSubstr("0 to 65535"));
  EXPECT_THAT(refused("allowAutoTopicCreation=yes\n"), HasSubstr("neither true nor false"));
  EXPECT_THAT(refused("backlogQuotaDefaultRetentionPolicy=drop\n"), HasSubstr("producer_request_hold"));
  EXPECT_THAT(refused("maxMessageSize=104857600\n"), HasSubstr("'maxMessageSize'"));
  EXPECT_THAT(refused("a=\\u1\n"), HasSubstr(at + ":1: "));
  EXPECT_THAT(load("").value().conf_report.lines, ::testing::IsEmpty());
}

/// Whatever kept somebody out with Pulsar, and would not here, ends the start with the reason and the remedy.
TEST_F(BrokerConf, WhatWouldWeakenAnythingStopsTheStart) {
  const std::string on = "authenticationEnabled=true\nsuperUserRoles=admin\n";
  EXPECT_THAT(refused("authorizationEnabled=true\n"),
              AllOf(HasSubstr(":1: 'authorizationEnabled'"), HasSubstr("authenticationEnabled=true")));
  EXPECT_THAT(
      refused(kTokens + "authorizationEnabled=true\nauthorizationProvider=com.example.Mine\n"),
      AllOf(HasSubstr("'authorizationProvider'"), HasSubstr("'Mine'"), HasSubstr("[auth.roles.NAME]")));
  EXPECT_THAT(refused(on), HasSubstr("'authenticationProviders'"));
  EXPECT_THAT(
      refused(on + "authenticationProviders=x.AuthenticationProviderBasic,x.AuthenticationProviderSasl\n"),
      HasSubstr("none of them can be used here"));
  EXPECT_THAT(refused(on + "authenticationProviders=x.AuthenticationProviderToken\n"),
              HasSubstr("tokenSecretKey"));
  EXPECT_THAT(refused(on + "authenticationProviders=x.AuthenticationProviderTls\n"),
              HasSubstr("tlsTrustCertsFilePath"));
  EXPECT_THAT(refused(kTokens + "tokenAuthClaim=role\n"), HasSubstr("'tokenAuthClaim'"));
  EXPECT_THAT(refused(kTokens + "tokenAudienceClaim=azp\n"), HasSubstr("'tokenAudienceClaim'"));
  EXPECT_THAT(refused(kTokens + "tokenAudienceClaim=aud\n"), HasSubstr("tokenAudience names none"));
  EXPECT_THAT(refused(kTokens + "tokenSettingPrefix=second\n"), HasSubstr("'tokenSettingPrefix'"));
  EXPECT_THAT(refused(kTokens + "tokenPublicAlg=PS512\n"), HasSubstr("'PS512'"));
  EXPECT_THAT(refused(kTokens + "proxyRoles=proxy\n"), HasSubstr("'proxyRoles'"));
  EXPECT_THAT(refused("encryptionRequireOnProducer=true\n"), HasSubstr("not encrypted"));
  EXPECT_THAT(refused(kTls + "tlsEnabledWithKeyStore=true\n"), HasSubstr("as PEM"));
  EXPECT_THAT(refused("tlsEnabled=true\n"), HasSubstr("brokerServicePortTls"));
  EXPECT_THAT(refused("tlsProtocols=TLSv1.1\n"), HasSubstr("'TLSv1.1' names neither"));
  EXPECT_THAT(refused(kTls + "tlsRequireTrustedClientCertOnConnect=true\n"),
              HasSubstr("tlsTrustCertsFilePath"));
  EXPECT_THAT(refused("brokerServicePortTls=6651\n"), HasSubstr("--tls-cert"));
}

}  // namespace
}  // namespace geminga::cli
