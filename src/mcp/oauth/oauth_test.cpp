// OAuth as a configured server has it: a registry, a server that wants tokens, and a person with a browser.
#include <cstdlib>
#include <fstream>
#include <future>

#include <gmock/gmock.h>

#include "base/event_loop.hpp"
#include "mcp/oauth/oauth_fixture.hpp"
#include "mcp/registry_fixture.hpp"
#include "net/http_client.hpp"

namespace geminga::mcp::oauth {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class OAuthTest : public RegistryFixture {
 protected:
  OAuthTest() { options_.token_folder = folder_ / "tokens"; }
  ~OAuthTest() override { browser_.stop(); }

  void open_remote(const json& settings = json::object()) {
    open({{"r", {{"url", remote_.url()}, {"oauth", settings}}}});
  }
  void open_for_machines() {
    std::ofstream(folder_ / "secret") << "secret\n";
    open_remote({{"grant", "client_credentials"},
                 {"clientId", "me"},
                 {"clientSecret", "${file:" + (folder_ / "secret").native() + "}"}});
  }

  // What a browser shows in the end.
  std::string visit(std::string url) {
    for (;;) {
      std::promise<net::ClientResponse> promise;
      browser_.send({.url = url}, [&promise](Result<net::ClientResponse> response) {
        promise.set_value(response ? *std::move(response) : net::ClientResponse{});
      });
      const net::ClientResponse response = promise.get_future().get();
      if (response.status != 302) return response.body;
      url = response.headers.get("Location");
    }
  }
  std::string invitation() {
    EXPECT_TRUE(eventually([this] { return !status("r").authorization_url.empty(); })) << status("r").reason;
    return status("r").authorization_url;
  }
  bool agree() { return visit(invitation()).find("may use 'r'") != std::string::npos; }
  bool is_ready() { return wait_for_state("r", ServerState::ready); }
  CallFailure failure(const std::string& tool) {
    const auto outcome = call("r", tool);
    EXPECT_FALSE(outcome) << tool;
    return outcome ? CallFailure{} : outcome.error();
  }

  OAuthFixture remote_;
  base::EventLoop loop_{"browser"};
  net::HttpClient browser_{loop_};
};

TEST_F(OAuthTest, APersonIsInvitedAndNobodyWaitsForThem) {
  open_remote();
  const std::string url = invitation();
  EXPECT_THAT(failure("plain").error.message, HasSubstr(url)) << "at once, and it says what to do";
  EXPECT_EQ(status("r").state, ServerState::failed);
  EXPECT_THAT(url, HasSubstr("code_challenge_method=S256"));
  EXPECT_THAT(url, HasSubstr("scope=basic&"));
  EXPECT_TRUE(agree());
  EXPECT_TRUE(is_ready());
  EXPECT_EQ(status("r").authorization_url, "");
  EXPECT_EQ(text_of(call("r", "plain")), "done");
  EXPECT_EQ(remote_.last_form()["resource"], remote_.url());
  EXPECT_EQ(remote_.count("/register"), 1);
  EXPECT_EQ(remote_.count("authorization_code"), 1);
}

TEST_F(OAuthTest, TheTokenOutlivesTheProcess) {
  open_remote();
  ASSERT_TRUE(agree());
  ASSERT_TRUE(is_ready());
  registry_->stop();
  open_remote();
  EXPECT_TRUE(is_ready());
  EXPECT_EQ(remote_.count("/authorize"), 1);
}

TEST_F(OAuthTest, ATokenThatEndedIsRenewedInTheMiddleOfACall) {
  open_remote();
  ASSERT_TRUE(agree());
  ASSERT_TRUE(is_ready());
  remote_.revoke();
  EXPECT_EQ(text_of(call("r", "plain")), "done");
  EXPECT_EQ(remote_.count("refresh_token"), 1);
  EXPECT_EQ(remote_.count("/authorize"), 1);
}

TEST_F(OAuthTest, ATokenThatIsAboutToEndIsRenewedBeforeItIsUsed) {
  remote_.expires_in = 10;
  open_for_machines();
  ASSERT_TRUE(is_ready());
  const int refused = remote_.count("/mcp 401");
  EXPECT_EQ(text_of(call("r", "plain")), "done");
  EXPECT_EQ(remote_.count("/mcp 401"), refused);
  EXPECT_GT(remote_.count("client_credentials"), 1);
}

TEST_F(OAuthTest, WhereRenewingIsRefusedThePersonIsInvitedAgain) {
  remote_.refreshes = false;
  open_remote();
  ASSERT_TRUE(agree());
  ASSERT_TRUE(is_ready());
  remote_.revoke();
  EXPECT_EQ(failure("plain").kind, FailureClass::final);
  EXPECT_EQ(status("r").state, ServerState::ready) << "a 401 takes no server away";
  ASSERT_TRUE(agree());
  EXPECT_TRUE(eventually([this] { return call("r", "plain").has_value(); }));
  EXPECT_EQ(remote_.count("/register"), 1) << "known there already";
}

TEST_F(OAuthTest, MachinesNeedNobody) {
  open_for_machines();
  EXPECT_TRUE(is_ready());
  EXPECT_EQ(text_of(call("r", "plain")), "done");
  remote_.revoke();
  EXPECT_EQ(text_of(call("r", "plain")), "done");
  EXPECT_EQ(text_of(call("r", "grand")), "done") << "a larger scope is asked for in the middle of the call";
  EXPECT_EQ(remote_.last_form()["scope"], "basic more");
  EXPECT_EQ(remote_.count("/authorize"), 0);
}

TEST_F(OAuthTest, AStartThatWaitsForATokenOverItsTimeIsOneThatFailed) {
  remote_.silent_token = true;
  options_.settings["r"].start_timeout = std::chrono::milliseconds{500};
  open_for_machines();
  ASSERT_TRUE(wait_for_state("r", ServerState::failed));
  EXPECT_THAT(status("r").reason, HasSubstr("within 500 ms"));
  EXPECT_TRUE(eventually([this] { return status("r").restarts >= 1; })) << "and it is tried again";
  remote_.speak_again();
  EXPECT_TRUE(is_ready());
  EXPECT_EQ(text_of(call("r", "plain")), "done");
}

TEST_F(OAuthTest, AToolThatWantsMoreInvitesForMore) {
  open_remote();
  ASSERT_TRUE(agree());
  ASSERT_TRUE(is_ready());
  const CallFailure refused = failure("grand");
  EXPECT_EQ(refused.kind, FailureClass::final);
  EXPECT_THAT(refused.error.message, HasSubstr("scope=basic%20more"));
  EXPECT_EQ(text_of(call("r", "plain")), "done") << "what was allowed goes on";
  ASSERT_TRUE(agree());
  EXPECT_TRUE(eventually([this] { return call("r", "grand").has_value(); }));
}

TEST_F(OAuthTest, NobodyIsAskedTwiceForTheSameScope) {
  open_for_machines();
  ASSERT_TRUE(is_ready());
  EXPECT_EQ(failure("locked").kind, FailureClass::final);
  const int asked = remote_.count("client_credentials");
  EXPECT_THAT(failure("locked").error.message, HasSubstr("'never'"));
  EXPECT_EQ(remote_.count("client_credentials"), asked);
}

TEST_F(OAuthTest, OnlyTheAwaitedAnswerIsTaken) {
  open_remote();
  const std::string url = invitation();
  const std::string encoded = url.substr(url.find("redirect_uri=") + 13);
  const std::string port =
      encoded.substr(encoded.find("1%3A") + 4, encoded.find("%2Fcallback") - encoded.find("1%3A") - 4);
  const std::string callback = "http://127.0.0.1:" + port + "/callback";
  EXPECT_THAT(visit(callback + "?code=stolen&state=guessed"), HasSubstr("not the answer"));
  const std::string state = url.substr(url.find("state=") + 6, 43);
  EXPECT_THAT(visit(callback + "?code=x&state=" + state + "&iss=https%3A%2F%2Fevil"),
              HasSubstr("another authorization server"));
  EXPECT_THAT(visit(callback + "?error=access_denied&error_description=no&state=" + state),
              HasSubstr("access_denied: no"));
  EXPECT_EQ(remote_.count("authorization_code"), 0);
  EXPECT_TRUE(agree()) << "the address can still be opened";
  EXPECT_TRUE(is_ready());
}

TEST_F(OAuthTest, AServerThatNamesItselfInAnswersMustDoSo) {
  remote_.server_changes["authorization_response_iss_parameter_supported"] = true;
  open_remote();
  EXPECT_FALSE(agree());
  EXPECT_EQ(remote_.count("authorization_code"), 0);
}

TEST_F(OAuthTest, MetadataOfSomebodyElseEndsIt) {
  remote_.resource_changes["resource"] = "https://evil.example.com/mcp";
  open_remote();
  ASSERT_TRUE(wait_for_state("r", ServerState::failed));
  EXPECT_THAT(status("r").reason, HasSubstr("evil.example.com"));
  EXPECT_EQ(status("r").authorization_url, "");
  EXPECT_EQ(remote_.count("/register"), 0);
}

TEST_F(OAuthTest, AServerOnThisMachineMayNameAnotherOneOnIt) {
  OAuthFixture other;
  remote_.resource_changes["authorization_servers"] = {other.origin()};
  open_remote();
  EXPECT_THAT(invitation(), HasSubstr(other.origin()));
  EXPECT_EQ(other.count("/register"), 1);
}

TEST_F(OAuthTest, AServerOnThisMachineSendsUsNotIntoTheNetworkAroundIt) {
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) ::unsetenv(name);
  remote_.resource_changes["authorization_servers"] = {"https://10.255.255.1"};
  open_remote();
  ASSERT_TRUE(wait_for_state("r", ServerState::failed));
  EXPECT_THAT(status("r").reason, HasSubstr("\"privateNetwork\": true"));
}

TEST_F(OAuthTest, WhereNobodyIsRegisteredTheRemedyIsNamed) {
  remote_.server_changes["registration_endpoint"] = nullptr;
  open_remote();
  ASSERT_TRUE(wait_for_state("r", ServerState::failed));
  EXPECT_THAT(status("r").reason, HasSubstr("oauth.clientId"));
}

TEST_F(OAuthTest, AConfiguredClientIsNotRegistered) {
  open_remote({{"clientId", "me"}, {"scope", "extra"}});
  EXPECT_THAT(invitation(), HasSubstr("client_id=me&"));
  EXPECT_THAT(invitation(), HasSubstr("scope=extra%20basic&"));
  EXPECT_EQ(remote_.count("/register"), 0);
}

TEST_F(OAuthTest, WithoutItARefusalIsTheEnd) {
  open({{"r", {{"url", remote_.url()}, {"oauth", false}}}});
  ASSERT_TRUE(wait_for_state("r", ServerState::failed));
  EXPECT_EQ(status("r").authorization_url, "");
  EXPECT_EQ(remote_.count("/register"), 0);
}

}  // namespace
}  // namespace geminga::mcp::oauth
