#pragma once

#include <cstdint>
#include <memory>

#include "auth/authenticator.hpp"
#include "base/clock.hpp"
#include "net/http_server.hpp"

namespace geminga::net {

/// The one place that decides who may use a route: a token says the role, the role's permissions are held
/// against what the route needs, and a role that asks too often is put off. A route with Need::nothing is
/// open; whatever else is asked for, also what does not exist, needs a token first. As an HttpAuthorizer; any
/// thread.
class Authorization {
 public:
  /// `requests_per_second` of each role, of which one second's worth may come at once; 0: no limit.
  explicit Authorization(auth::Authenticator authenticator, std::uint32_t requests_per_second = 0,
                         base::Clock* clock = nullptr);

  /// Errors: unauthorized, forbidden, overloaded.
  Result<auth::PrincipalPtr> operator()(const HttpRequest& head, const Route* route) const;

 private:
  class Rates;
  std::shared_ptr<const auth::Authenticator> authenticator_;
  std::shared_ptr<Rates> rates_;
};

}  // namespace geminga::net
