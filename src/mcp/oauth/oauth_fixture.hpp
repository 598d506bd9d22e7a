#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "net/http_server.hpp"

namespace geminga::mcp::oauth {

/// An MCP server that wants tokens, and the authorization server that gives them, in this process on one port
/// of loopback. Tool `plain` wants the scope "basic", `grand` wants "basic more" and `locked` "never", which
/// nobody gets. A browser that comes to /authorize agrees at once.
class OAuthFixture {
 public:
  OAuthFixture();
  ~OAuthFixture();

  [[nodiscard]] std::string url() const { return origin() + "/mcp"; }
  [[nodiscard]] std::string origin() const { return "http://" + server_->endpoint(); }
  /// How often something was asked for: "/register", "/authorize", "/mcp 401", "authorization_code", ...
  [[nodiscard]] int count(const std::string& what) const;
  /// The form that came last to /token.
  [[nodiscard]] std::map<std::string, std::string> last_form() const;
  /// Answers what /token was asked while it was silent, and from then on at once.
  void speak_again();
  /// No access token is good any more.
  void revoke();

  // Set before the first request.
  nlohmann::json resource_changes = nlohmann::json::object();  ///< merged into the metadata
  nlohmann::json server_changes = nlohmann::json::object();
  std::string redirect_changes;  ///< appended to the address that a browser is sent to
  bool refreshes = true;
  int expires_in = 3'600;
  std::atomic<bool> silent_token{false};  ///< /token does not answer until speak_again()

 private:
  void add(const std::string& what);
  void authorize(const net::HttpRequest& request, net::Responder responder);
  void token(const net::HttpRequest& request, net::Responder responder);
  void give_token(const net::HttpRequest& request, net::Responder responder);
  void mcp(const net::HttpRequest& request, net::Responder responder);

  mutable std::mutex mutex_;
  std::map<std::string, int> counts_;
  std::map<std::string, std::string> form_;
  std::string granted_;                        // scope of the code that is out
  std::map<std::string, std::string> tokens_;  // with their scopes
  int tokens_made_ = 0;
  std::vector<std::pair<net::HttpRequest, net::Responder>> unanswered_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace geminga::mcp::oauth
