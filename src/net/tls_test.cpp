// TLS under the HTTP server: whom it lets in, who is told to go, and that bytes go through as without it.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "net/http_server_fixture.hpp"
#include "net/raw_client.hpp"
#include "net/tls_context.hpp"
#include "net/tls_files.hpp"

namespace geminga::net::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

class TlsTest : public HttpServerTest {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "geminga-tls-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    authority_.emplace(folder_, "ca");
    own_ = authority_->issue("server");
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] TlsSettings settings() const { return {.certificate = own_.certificate, .key = own_.key}; }
  static std::string refused(const TlsSettings& settings) {
    const auto loaded = TlsContext::load(settings);
    if (loaded) return "it is taken";
    EXPECT_EQ(loaded.error().code, ErrorCode::config_error);
    return loaded.error().message;
  }

  void listen_with(const TlsSettings& settings, HttpServerOptions options = {}) {
    auto context = TlsContext::load(settings);
    ASSERT_TRUE(context) << context.error().message;
    tls_ = *context;
    options.tls = tls_;
    Router router;
    router.get("/who", [](HttpRequest request, Responder responder) {
      responder.respond(HttpResponse::text(200, "<" + request.certificate_name.value_or("nobody") + ">"));
    });
    router.post("/echo", [](HttpRequest request, Responder responder) {
      responder.respond(HttpResponse::text(200, std::move(request.body)));
    });
    router.get("/events", [this](HttpRequest, Responder responder) {
      stream_.emplace(responder.start_stream());
      started_.set();
    });
    server_ = HttpServer::listen(std::move(options), std::move(router)).value();
    const std::string& endpoint = server_->tls_endpoint();
    tls_port_ = static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
  }
  void listen_to_clients(bool required = false) {
    TlsSettings with = settings();
    with.client_ca = authority_->certificate();
    with.client_certificate_required = required;
    listen_with(with);
  }

  /// What a server says that lets it in: "<name>"; empty: it does not.
  std::string who(const TlsClientOptions& options = {}) const {
    TlsClient client(tls_port_, options);
    client.send("GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const std::string answer = client.read_until(">");
    return answer.substr(std::min(answer.find('<'), answer.size()));
  }
  std::string who(const TlsPair& own) const { return who(TlsClientOptions{.own = own}); }

  std::filesystem::path folder_;
  std::optional<Authority> authority_;
  TlsPair own_;
  std::shared_ptr<TlsContext> tls_;
  std::uint16_t tls_port_ = 0;
  std::optional<EventStream> stream_;
  Event started_;
};

// --- files ------------------------------------------------------------------------------------------------

TEST_F(TlsTest, WhatCannotBeUsedIsNamedWithTheRemedy) {
  const TlsPair other = authority_->issue("other");
  EXPECT_THAT(refused({.certificate = own_.certificate, .key = other.key}),
              AllOf(HasSubstr(other.key.string()), HasSubstr("is not that of the certificate")));
  EXPECT_THAT(refused({.certificate = folder_ / "none.pem", .key = own_.key}), HasSubstr("does it exist"));
  EXPECT_THAT(refused({.certificate = own_.certificate, .key = folder_ / "none.pem"}),
              AllOf(HasSubstr("the TLS key"), HasSubstr("does it exist")));
  EXPECT_THAT(refused({.certificate = own_.key, .key = own_.key}), HasSubstr("holds no certificate"));
  EXPECT_THAT(refused({.certificate = own_.certificate, .key = own_.certificate}),
              HasSubstr("holds no private key"));
  EXPECT_THAT(refused({.key = own_.key}), HasSubstr("--tls-cert"));
  std::ofstream(folder_ / "torn.pem") << "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  EXPECT_THAT(refused({.certificate = folder_ / "torn.pem", .key = own_.key}), HasSubstr("cannot be read"));
  std::ofstream(folder_ / "locked.pem") << "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n";
  EXPECT_THAT(refused({.certificate = own_.certificate, .key = folder_ / "locked.pem"}),
              HasSubstr("pass phrase"));
  EXPECT_THAT(
      refused({.certificate = own_.certificate, .key = own_.key, .client_certificate_required = true}),
      HasSubstr("--tls-ca"));
}

TEST_F(TlsTest, ACertificateThatIsOverOrHasNotBegunOrIsWeakIsRefused) {
  const TlsPair over = authority_->issue("over", {.from = -2h, .until = -1h});
  EXPECT_THAT(refused({.certificate = over.certificate, .key = over.key}), HasSubstr("expired at"));
  const TlsPair later = authority_->issue("later", {.from = 1h, .until = 2h});
  EXPECT_THAT(refused({.certificate = later.certificate, .key = later.key}), HasSubstr("is valid from"));
  const TlsPair weak = authority_->issue("weak", {.rsa_bits = 1'024});
  EXPECT_THAT(refused({.certificate = weak.certificate, .key = weak.key}), HasSubstr("2048 bits"));
}

TEST_F(TlsTest, FilesAreReadAnewAndWhatDoesNotDoChangesNothing) {
  listen_with(settings());
  EXPECT_FALSE(tls_->changed());
  TlsClient before(tls_port_);
  EXPECT_EQ(before.server_name(), "localhost");
  authority_->issue("server", {.common_names = {"renewed"}});
  EXPECT_TRUE(tls_->changed());
  ASSERT_TRUE(tls_->reload());
  EXPECT_FALSE(tls_->changed());
  EXPECT_EQ(TlsClient(tls_port_).server_name(), "renewed");
  before.send("GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(before.read_until(">"), HasSubstr("<nobody>"));

  std::filesystem::remove(own_.key);
  EXPECT_FALSE(tls_->reload());
  EXPECT_FALSE(tls_->changed()) << "it was tried";
  EXPECT_EQ(TlsClient(tls_port_).server_name(), "renewed");
}

// --- clients ----------------------------------------------------------------------------------------------

TEST_F(TlsTest, BothPortsServeTheSame) {
  listen_with(settings());
  EXPECT_EQ(who({.authority = authority_->certificate()}), "<nobody>");
  EXPECT_EQ(who({.version_max = TLS1_2_VERSION}), "<nobody>");
  RawClient plain(port());
  plain.get("/who");
  EXPECT_EQ(plain.read_response().body, "<nobody>");
  EXPECT_FALSE(TlsClient(tls_port_, {.version_max = TLS1_1_VERSION}).connected());
  const Authority other(folder_, "other-ca");
  EXPECT_FALSE(TlsClient(tls_port_, {.authority = other.certificate()}).connected());
}

TEST_F(TlsTest, LargeBodiesAndEventsGoThrough) {
  listen_with(settings());
  TlsClient client(tls_port_);
  std::string body;
  for (std::size_t i = 0; body.size() < 7 << 20; ++i) body += std::to_string(i) + ",";
  const std::string head =
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(client.send(head) && client.send(body));
    client.read_until("\r\n\r\n");
    EXPECT_TRUE(client.read_exactly(body.size()) == body);
  }
  client.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_TRUE(started_.happens_within(kSoon));
  for (int i = 0; i < 100; ++i) stream_->send(format_event("number " + std::to_string(i)));
  EXPECT_THAT(client.read_until("number 99"), HasSubstr("number 42"));
  stream_->close();
  EXPECT_THAT(client.read_until("0\r\n\r\n"), HasSubstr("0\r\n\r\n"));
}

TEST_F(TlsTest, WhoSpeaksTheOtherLanguageIsSentAwayAtOnce) {
  listen_with(settings());
  RawClient plain(tls_port_);
  plain.get("/who");
  EXPECT_TRUE(plain.closed_within(2s));
  EXPECT_FALSE(TlsClient(port()).connected());
  EXPECT_EQ(who(), "<nobody>");
}

TEST_F(TlsTest, HandshakesAreTimedAndOnlySoManyAreUnderWay) {
  listen_with(settings(), {.handshake_timeout = 300ms, .handshakes_max = 2});
  RawClient silent(tls_port_);
  RawClient half(tls_port_);
  half.send("\x16\x03\x01");
  EXPECT_EQ(who(), "<nobody>") << "it waits until there is a place, and is served";
  EXPECT_TRUE(silent.closed_within(2s));
  EXPECT_TRUE(half.closed_within(2s));
}

// --- certificates of clients ------------------------------------------------------------------------------

TEST_F(TlsTest, AClientMayShowWhoItIs) {
  listen_to_clients();
  EXPECT_EQ(who(), "<nobody>");
  EXPECT_EQ(who(authority_->issue("alice", {.common_names = {"alice"}})), "<alice>");
  EXPECT_EQ(who({.own = authority_->issue("a", {.common_names = {"ä ö"}}), .version_max = TLS1_2_VERSION}),
            "<ä ö>");
}

TEST_F(TlsTest, ACertificateThatIsNotAcceptedEndsTheHandshake) {
  listen_to_clients();
  Authority other(folder_, "other-ca");
  EXPECT_EQ(who(other.issue("mallory", {.common_names = {"alice"}})), "");
  EXPECT_EQ(who(authority_->issue("over", {.from = -2h, .until = -1h})), "");
  EXPECT_EQ(who(authority_->issue("later", {.from = 1h, .until = 2h})), "");
  EXPECT_EQ(who(authority_->issue("server-only", {.use = "serverAuth"})), "");
  EXPECT_EQ(who(authority_->issue("weak", {.rsa_bits = 1'024})), "");
  EXPECT_EQ(who(), "<nobody>");
}

TEST_F(TlsTest, ANameThatIsNotOneNameIsNone) {
  listen_to_clients();
  EXPECT_EQ(who(authority_->issue("two", {.common_names = {"alice", "root"}})), "<nobody>");
  EXPECT_EQ(who(authority_->issue("none", {.common_names = {}})), "<nobody>");
  EXPECT_EQ(who(authority_->issue("nul", {.common_names = {std::string("root\0.x", 7)}})), "<nobody>");
  EXPECT_EQ(who(authority_->issue("line", {.common_names = {"root\n"}})), "<nobody>");
}

TEST_F(TlsTest, ACertificateMayBeRequired) {
  listen_to_clients(true);
  EXPECT_EQ(who(), "");
  EXPECT_EQ(who(authority_->issue("alice", {.common_names = {"alice"}})), "<alice>");
}

TEST_F(TlsTest, WithoutAnAuthorityNobodyIsAsked) {
  listen_with(settings());
  EXPECT_EQ(who(authority_->issue("alice", {.common_names = {"alice"}})), "<nobody>");
}

}  // namespace
}  // namespace geminga::net::testing
