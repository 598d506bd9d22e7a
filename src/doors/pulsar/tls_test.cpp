// Pulsar's protocol by TLS, and who somebody is by the certificate.
#include <string>

#include "auth/authenticator.hpp"
#include "auth/token.hpp"
#include "base/base64.hpp"
#include "doors/pulsar/door_fixture.hpp"
#include "net/tls_context.hpp"
#include "net/tls_files.hpp"

namespace geminga::doors::pulsar {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// RawPulsar by TLS: says and hears commands.
class TlsPulsar {
 public:
  explicit TlsPulsar(std::uint16_t port, const net::testing::TlsClientOptions& options = {})
      : client_(port, options) {}

  template <class Command>
  bool say(const Command& command, std::string_view entry = {}) {
    std::string frame;
    wire::append_frame(frame, command, entry.size());
    return client_.send(frame.append(entry));
  }
  /// Empty: the server ended it.
  std::string frame() {
    std::string bytes = client_.read_exactly(4);
    if (bytes.size() < 4) return {};
    std::uint32_t size = 0;
    for (const char byte : bytes) size = size << 8 | static_cast<unsigned char>(byte);
    return bytes + client_.read_exactly(size);
  }
  template <class Command>
  testing::Got<Command> hear() {
    auto bytes = std::make_unique<std::string>(frame());
    if (bytes->empty()) throw std::runtime_error("closed in place of " + std::string(Command::kName));
    const auto heard = wire::parse_frame(*bytes).value();
    if (heard.type != wire::kCommandType<Command>)
      throw std::runtime_error("heard " + std::string(wire::command_name(heard.type)));
    return {.frame = std::move(bytes),
            .command = wire::decode<Command>(heard.command).value(),
            .entry = heard.entry};
  }
  /// Empty: it is in; else why not.
  std::string connect(std::string_view method = {}, std::string_view data = {}) {
    wire::CommandConnect connect{.client_version = "raw", .protocol_version = wire::kProtocolVersion};
    connect.auth_method_name = method;
    connect.auth_data = data;
    if (!say(connect)) return "no connection";
    const std::string bytes = frame();
    if (bytes.empty()) return "closed";
    const auto answer = wire::parse_frame(bytes).value();
    if (answer.type == wire::CommandType::connected) return {};
    return std::string(wire::decode<wire::CommandError>(answer.command).value().message);
  }
  bool produces(std::string_view topic = testing::kTopic) {
    say(wire::CommandProducer{.topic = topic, .producer_id = 1, .request_id = 1});
    const std::string bytes = frame();
    return wire::parse_frame(bytes).value().type == wire::CommandType::producer_success;
  }

 private:
  net::testing::TlsClient client_;
};

class PulsarTlsTest : public testing::PulsarDoorTest {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "geminga-pulsar-tls-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    files_ = name;
    authority_.emplace(files_, "ca");
    const auto own = authority_->issue("server");
    options_.tls =
        net::TlsContext::load(
            {.certificate = own.certificate, .key = own.key, .client_ca = authority_->certificate()})
            .value();
    PulsarDoorTest::SetUp();
  }
  void TearDown() override {
    PulsarDoorTest::TearDown();
    std::filesystem::remove_all(files_);
  }
  /// From now on everybody must say who it is.
  void authenticate(auth::AuthSettings settings) {
    settings.roles["both"] = {.tenant = "public"};
    settings.roles["visitor"] = {.tenant = "public", .permissions = {auth::Permission::consume}};
    settings.certificates_verified = true;
    auto made = auth::Authenticator::create(settings);
    ASSERT_TRUE(made) << made.error().message;
    options_.authenticator = std::make_shared<const auth::Authenticator>(*std::move(made));
    listen();
  }
  net::testing::TlsClientOptions as(const std::string& name) {
    return {.authority = authority_->certificate(), .own = authority_->issue(name, {.common_names = {name}})};
  }

  std::filesystem::path files_;
  std::optional<net::testing::Authority> authority_;
};

TEST_F(PulsarTlsTest, MessagesOfEverySizeGoThrough) {
  TlsPulsar producer(door_->tls_port());
  ASSERT_EQ(producer.connect(), "");
  ASSERT_TRUE(producer.produces());
  TlsPulsar consumer(door_->tls_port());
  ASSERT_EQ(consumer.connect(), "");
  consumer.say(wire::CommandSubscribe{
      .topic = testing::kTopic, .subscription = "s", .consumer_id = 1, .request_id = 2});
  consumer.hear<wire::CommandSuccess>();
  consumer.say(wire::CommandFlow{.consumer_id = 1, .message_permits = 1'000});
  std::vector<std::string> bodies;
  for (const std::size_t size : {1U, 100U, 16'000U, 16'384U, 70'000U, 1'000'000U, 4'000'000U})
    for (int i = 0; i < 3; ++i) bodies.emplace_back(size, static_cast<char>('a' + i));
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    ASSERT_TRUE(producer.say(wire::CommandSend{.producer_id = 1, .sequence_id = i},
                             testing::entry_of(bodies[i], {.sequence_id = i})));
    EXPECT_EQ(producer.hear<wire::CommandSendReceipt>()->sequence_id, i);
  }
  for (const std::string& body : bodies) {
    const auto message = consumer.hear<wire::CommandMessage>();
    ASSERT_TRUE(testing::payload_of(message) == body) << body.size();
  }
}

TEST_F(PulsarTlsTest, ALookUpLeadsToThePortByTls) {
  const auto url = [&] {
    TlsPulsar client(door_->tls_port());
    EXPECT_EQ(client.connect(), "");
    client.say(wire::CommandLookupTopic{.topic = testing::kTopic, .request_id = 1});
    const auto found = client.hear<wire::CommandLookupTopicResponse>();
    EXPECT_FALSE(found->broker_service_url.present());
    return std::string(*found->broker_service_url_tls);
  };
  EXPECT_EQ(url(), "pulsar+ssl://127.0.0.1:" + std::to_string(door_->tls_port()));
  options_.advertise = "broker.example:6650";
  listen();
  EXPECT_EQ(url(), "pulsar+ssl://broker.example:" + std::to_string(door_->tls_port()));
}

TEST_F(PulsarTlsTest, ThePlainPortMayBeOff) {
  options_.address = "";
  listen();
  EXPECT_EQ(door_->port(), 0);
  EXPECT_EQ(door_->endpoint(), "");
  EXPECT_EQ(TlsPulsar(door_->tls_port()).connect(), "");
}

TEST_F(PulsarTlsTest, WhoSpeaksTheOtherLanguageIsSentAwayAtOnce) {
  testing::RawPulsar plain(door_->tls_port());
  plain.say(wire::CommandConnect{.client_version = "raw", .protocol_version = 20});
  EXPECT_TRUE(plain.closed());
  EXPECT_FALSE(net::testing::TlsClient(door_->port()).connected());
  expect_serves();
}

TEST_F(PulsarTlsTest, ASilentHandshakeEnds) {
  options_.handshake_timeout = 100ms;
  listen();
  testing::RawPulsar silent(door_->tls_port());
  silent.bytes("\x16");
  EXPECT_TRUE(silent.closed());
}

TEST_F(PulsarTlsTest, TheCommonNameIsTheRole) {
  authenticate({.superuser_roles = {"root"}});
  TlsPulsar both(door_->tls_port(), as("both"));
  EXPECT_EQ(both.connect("tls"), "");
  EXPECT_TRUE(both.produces());
  TlsPulsar visitor(door_->tls_port(), as("visitor"));
  EXPECT_EQ(visitor.connect("tls"), "");
  EXPECT_FALSE(visitor.produces());
  EXPECT_THAT(TlsPulsar(door_->tls_port(), as("stranger")).connect("tls"), HasSubstr("'stranger'"));
  EXPECT_THAT(TlsPulsar(door_->tls_port()).connect("tls"), HasSubstr("no client certificate"));
  EXPECT_THAT(TlsPulsar(door_->tls_port(), as("root")).connect("token", "x"),
              HasSubstr("tokens are not taken"));
  EXPECT_NE(TlsPulsar(door_->tls_port(), as("root")).connect(), "") << "only who says so is taken by it";
  net::testing::Authority other(files_, "other-ca");
  EXPECT_NE(
      TlsPulsar(door_->tls_port(), {.own = other.issue("r", {.common_names = {"root"}})}).connect("tls"), "");
  testing::RawPulsar plain(door_->port());
  wire::CommandConnect connect{.client_version = "raw", .protocol_version = 20};
  connect.auth_method_name = "tls";
  plain.say(connect);
  EXPECT_EQ(plain.hear<wire::CommandError>()->error, wire::ServerError::authentication);
}

TEST_F(PulsarTlsTest, CertificatesMayBeNoProof) {
  const std::string secret = auth::new_secret_key().value();
  auth::AuthSettings settings;
  settings.token_secret_key = "data:;base64," + base::to_base64(secret);
  settings.client_certificates = false;
  authenticate(settings);
  EXPECT_THAT(TlsPulsar(door_->tls_port(), as("both")).connect("tls"), HasSubstr("no proof"));
  const auto token = auth::sign_token(auth::Key::secret(secret).value(), {.subject = "both"}).value();
  EXPECT_EQ(TlsPulsar(door_->tls_port()).connect("token", token), "");
}

TEST_F(PulsarTlsTest, WhoShowsNothingHasTheAnonymousRole) {
  auth::AuthSettings settings;
  settings.anonymous_role = "visitor";
  authenticate(settings);
  for (const std::string_view method : {"", "none"}) {
    TlsPulsar client(door_->tls_port());
    EXPECT_EQ(client.connect(method), "");
    EXPECT_FALSE(client.produces());
  }
  EXPECT_NE(TlsPulsar(door_->tls_port()).connect("token", "x"), "") << "what is shown must be good";
  EXPECT_NE(TlsPulsar(door_->tls_port()).connect("basic", "visitor:x"), "");
  settings.anonymous_role = "nobody";
  settings.certificates_verified = true;
  settings.superuser_roles = {"root"};
  EXPECT_THAT(auth::Authenticator::create(settings).error().message, HasSubstr("anonymous role 'nobody'"));
}

}  // namespace
}  // namespace geminga::doors::pulsar
