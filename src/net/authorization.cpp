#include "net/authorization.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "base/try.hpp"

namespace geminga::net {

/// When each role has used up what it may. Roles are configured, so there are only so many.
class Authorization::Rates {
 public:
  Rates(std::uint32_t per_second, base::Clock* clock)
      : per_second_(per_second), clock_(clock != nullptr ? *clock : base::Clock::system()) {}

  Result<> take(const std::string& role) {
    if (per_second_ == 0) return {};
    const auto each = kSecond / per_second_;
    const auto now = clock_.monotonic_now();
    const std::lock_guard lock(mutex_);
    auto& used_up = used_up_.try_emplace(role, now - kSecond).first->second;
    used_up = std::max(used_up, now - kSecond);
    if (used_up + each > now)
      return fail(ErrorCode::overloaded,
                  fmt::format("the role '{}' sends more than {} requests a second", role, per_second_));
    used_up += each;
    return {};
  }

 private:
  static constexpr base::MonotonicTime::duration kSecond = std::chrono::seconds{1};
  const std::uint32_t per_second_;
  base::Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, base::MonotonicTime> used_up_;  // under mutex_
};

Authorization::Authorization(auth::Authenticator authenticator, std::uint32_t requests_per_second,
                             base::Clock* clock)
    : authenticator_(std::make_shared<const auth::Authenticator>(std::move(authenticator))),
      rates_(std::make_shared<Rates>(requests_per_second, clock)) {}

Result<auth::PrincipalPtr> Authorization::operator()(const HttpRequest& head, const Route* route) const {
  if (route != nullptr && route->need == auth::Need::nothing) return nullptr;
  if (head.headers.count("Authorization") > 1)
    return fail(ErrorCode::unauthorized, "more than one Authorization header");
  GEMINGA_TRY(auth::PrincipalPtr principal, authenticator_->authenticate(head.header("Authorization")));
  GEMINGA_TRY_VOID(rates_->take(principal->role));
  if (route != nullptr) GEMINGA_TRY_VOID(auth::check_need(*principal, route->need));
  return principal;
}

}  // namespace geminga::net
