#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <geminga/error.hpp>

#include "mcp/oauth/challenge.hpp"
#include "mcp/oauth/discovery.hpp"
#include "mcp/oauth/redirect_listener.hpp"
#include "mcp/oauth/settings.hpp"
#include "mcp/oauth/token_store.hpp"
#include "net/http_client.hpp"

namespace geminga::base {
class EventLoop;
}
namespace geminga::mcp::oauth {

/// Gets and renews the tokens of one MCP server over all its lives. What machines can settle among themselves
/// (client credentials, refresh tokens) it settles, and whoever was refused tries again. Where a person must
/// agree it invites that person by an address, lets everybody who was refused go with an error that says so,
/// and waits beside: no call ever waits for a person. It lives on the registry's loop.
class Authorizer : public std::enable_shared_from_this<Authorizer> {
 public:
  struct Surroundings {
    base::EventLoop* loop = nullptr;
    net::HttpClient* client = nullptr;
    std::filesystem::path token_file{};                      ///< empty: tokens live as long as this object
    std::function<void(std::function<void()>)> write_later;  ///< runs what writes the file, in order
    std::function<void()> on_authorized;  ///< a person has agreed, and there is a new token
  };
  struct Refusal {
    int status = 401;
    std::string used{};  ///< the value of Authorization that was refused
    Challenge challenge{};
  };

  Authorizer(std::string server, std::string url, Settings settings, Surroundings surroundings);

  /// The value of Authorization for the next request; empty: none yet.
  [[nodiscard]] std::string authorization() const;
  /// True where the token is about to end and can be renewed: ask renew() before sending.
  [[nodiscard]] bool stale() const;

  /// A server has refused a request with 401, or with 403 for want of a scope. `then` runs once, on the loop,
  /// not inside this call: it may be sent again, or not and why. Errors: unauthorized, unavailable, closed.
  void refused(Refusal refusal, std::function<void(Result<>)> then);
  /// Gets a new token instead of one that is stale; `then` as above.
  void renew(std::function<void(Result<>)> then) { refused({.used = authorization()}, std::move(then)); }

  /// What a person must open, empty when nobody is needed.
  [[nodiscard]] const std::string& invitation_url() const { return invitation_url_; }
  void close();

 private:
  void begin(const Refusal& refusal);
  void look_up();
  void send(net::ClientRequest request, void (Authorizer::*take)(Result<net::ClientResponse>));
  void with_server(Result<Discovered> found);
  void refresh();
  void take_refreshed(Result<net::ClientResponse> response);
  void request_token();
  void find_client();
  void take_registration(Result<net::ClientResponse> response);
  Result<Client> configured_client();
  Result<> listen();
  void invite();
  void end_invited();
  std::string take_redirect(const Redirect& redirect);
  void exchange_code(const std::string& code);
  void send_token_request(Form form, void (Authorizer::*take)(Result<net::ClientResponse>));
  void take_tokens(Result<net::ClientResponse> response);
  void keep(Tokens tokens);
  void stop_inviting();
  void end(const Result<>& result);

  const std::string server_;
  const std::string url_;
  const Settings settings_;
  const Surroundings surroundings_;
  const TokenStore store_;
  Credentials held_;
  std::int64_t refreshed_at_ = 0;  // seconds of the epoch
  bool busy_ = false;              // between machines
  bool closed_ = false;
  Challenge challenge_;  // that began the flow under way
  std::string scope_;    // that the flow under way asks for
  std::vector<std::function<void(Result<>)>> waiting_;
  // While a person is invited.
  std::string invitation_url_;
  Invitation invitation_;
  std::unique_ptr<RedirectListener> listener_;
};

}  // namespace geminga::mcp::oauth
