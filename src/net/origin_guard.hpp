#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/error.hpp>

#include "net/http_message.hpp"
#include "net/http_router.hpp"

namespace geminga::net {

struct OriginGuardOptions {
  std::string address;                        ///< what the server listens on
  std::vector<std::string> advertised_hosts;  ///< names or addresses without a port
  bool listen_all_insecure = false;           ///< any address, any Host
  bool authenticated = false;                 ///< the same: every route asks for a token
};

/// Stands before every route. Without authentication only this machine gets in; with and without it no web
/// page of another site does, that a browser shows. Checked are Host (DNS rebinding), Origin and
/// Sec-Fetch-Site (cross-site requests) and the Content-Type of what changes something (a form can send only
/// three types without the browser asking first). Stateless; any thread.
class OriginGuard {
 public:
  /// Errors: forbidden (an address that other machines reach, without listen_all_insecure or authentication).
  static Result<OriginGuard> create(OriginGuardOptions options);

  /// As an HttpGuard: 400, 403 or 415 with {error, message}, or nothing.
  std::optional<HttpResponse> operator()(const HttpRequest& head, const Route* route) const;

 private:
  explicit OriginGuard(OriginGuardOptions options) : options_(std::move(options)) {}
  [[nodiscard]] bool host_allowed(std::string_view host) const;
  OriginGuardOptions options_;
};

/// For every listener. Errors: forbidden (an address that other machines reach, without listen_all_insecure
/// or authentication).
Result<> check_address(const OriginGuardOptions& options);

/// True for 127.0.0.0/8, ::1 and "localhost".
bool is_loopback_host(std::string_view host) noexcept;

}  // namespace geminga::net
