#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "auth/authenticator.hpp"
#include "base/clock.hpp"
#include "net/http_server.hpp"

namespace geminga::net {

struct AuthorizationOptions {
  std::uint32_t requests_per_second =
      0;  ///< of each role, of which one second's worth may come at once; 0: no limit
  std::uint32_t requests_at_once = 0;  ///< of each role, open event streams among them; 0: no limit
  /// Told of every refusal, on the server's loop; must not block. `role` is empty where no valid token came.
  std::function<void(const HttpRequest& head, const std::string& role, const Error& why)> on_refused;
  base::Clock* clock = nullptr;  ///< the system's where it is not given
};

/// The one place that decides who may use a route: a token says the role, the role's permissions are held
/// against what the route needs, and a role that asks too often, or too much at once, is put off. A route
/// with Need::nothing is open; whatever else is asked for, also what does not exist, needs a token first. As
/// an HttpAuthorizer; any thread.
class Authorization {
 public:
  explicit Authorization(auth::Authenticator authenticator, AuthorizationOptions options = {});

  /// Errors: unauthorized, forbidden, overloaded.
  Result<HttpAdmission> operator()(const HttpRequest& head, const Route* route) const;

 private:
  class Shares;
  [[nodiscard]] Result<HttpAdmission> decide(const HttpRequest& head, const Route* route,
                                             std::string& role) const;

  std::shared_ptr<const auth::Authenticator> authenticator_;
  std::shared_ptr<const AuthorizationOptions> options_;
  std::shared_ptr<Shares> shares_;
};

}  // namespace geminga::net
