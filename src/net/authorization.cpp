#include "net/authorization.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "base/try.hpp"

namespace geminga::net {
namespace {

using std::chrono::seconds;
constexpr base::MonotonicTime::duration kSecond = seconds{1};
constexpr std::chrono::hours kLongest{24 * 365};  // nobody streams longer; and so no sum overflows

/// When a token is over, by the clock that time-outs follow.
base::MonotonicTime over_at(const std::optional<Timestamp>& until, base::Clock& clock) {
  if (!until) return base::MonotonicTime::max();
  const auto rest = *until - clock.wall_now();
  if (rest >= kLongest) return base::MonotonicTime::max();
  return clock.monotonic_now() + rest;
}

}  // namespace

/// What each role has taken of what it may. Roles are configured, so there are only so many.
class Authorization::Shares : public std::enable_shared_from_this<Shares> {
 public:
  Shares(std::uint32_t per_second, std::uint32_t at_once) : per_second_(per_second), at_once_(at_once) {}

  /// The place of one request; dropping it gives it back. Errors: overloaded.
  Result<std::shared_ptr<void>> take(const std::string& role, base::MonotonicTime now) {
    if (per_second_ == 0 && at_once_ == 0) return nullptr;
    const std::lock_guard lock(mutex_);
    Share& share = shares_.try_emplace(role, Share{.used_up = now - kSecond}).first->second;
    if (at_once_ != 0 && share.open >= at_once_)
      return fail(ErrorCode::overloaded,
                  fmt::format("the role '{}' has {} requests under way, which is its limit", role, at_once_));
    if (per_second_ != 0) {
      const auto each = kSecond / per_second_;
      share.used_up = std::max(share.used_up, now - kSecond);
      if (share.used_up + each > now)
        return fail(ErrorCode::overloaded,
                    fmt::format("the role '{}' sends more than {} requests a second", role, per_second_));
      share.used_up += each;
    }
    ++share.open;
    return std::shared_ptr<void>(&share, [self = shared_from_this()](void* taken) {
      const std::lock_guard relock(self->mutex_);
      --static_cast<Share*>(taken)->open;
    });
  }

 private:
  struct Share {
    base::MonotonicTime used_up;
    std::uint32_t open = 0;
  };
  const std::uint32_t per_second_;
  const std::uint32_t at_once_;
  std::mutex mutex_;
  std::map<std::string, Share> shares_;  // under mutex_; none is ever removed
};

Authorization::Authorization(auth::Authenticator authenticator, AuthorizationOptions options)
    : authenticator_(std::make_shared<const auth::Authenticator>(std::move(authenticator))),
      options_(std::make_shared<const AuthorizationOptions>(std::move(options))),
      shares_(std::make_shared<Shares>(options_->requests_per_second, options_->requests_at_once)) {}

Result<HttpAdmission> Authorization::operator()(const HttpRequest& head, const Route* route) const {
  std::string role;
  auto admitted = decide(head, route, role);
  if (!admitted && options_->on_refused) options_->on_refused(head, role, admitted.error());
  return admitted;
}

Result<HttpAdmission> Authorization::decide(const HttpRequest& head, const Route* route,
                                            std::string& role) const {
  if (route != nullptr && route->need == auth::Need::nothing) return HttpAdmission{};
  if (head.headers.count("Authorization") > 1)
    return fail(ErrorCode::unauthorized, "more than one Authorization header");
  GEMINGA_TRY(const auth::Proof proof,
              authenticator_->authenticate(head.header("Authorization"), head.certificate_name));
  role = proof.principal->role;
  base::Clock& clock = options_->clock != nullptr ? *options_->clock : base::Clock::system();
  GEMINGA_TRY(auto place, shares_->take(role, clock.monotonic_now()));
  if (route != nullptr) GEMINGA_TRY_VOID(auth::check_need(*proof.principal, route->need));
  return HttpAdmission{
      .principal = proof.principal, .until = over_at(proof.until, clock), .place = std::move(place)};
}

}  // namespace geminga::net
