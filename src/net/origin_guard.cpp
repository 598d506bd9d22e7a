#include "net/origin_guard.hpp"

#include <algorithm>
#include <arpa/inet.h>

#include <fmt/format.h>

#include "base/try.hpp"
#include "net/json_errors.hpp"

namespace geminga::net {

namespace {

/// "name:port", "name", "[v6]:port" without the port and the brackets; empty when it has another form.
std::string_view host_of(std::string_view authority) {
  std::string_view host = authority;
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return {};
    host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
  } else if (const std::size_t colon = authority.find(':'); colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  if (!port.empty() && (port.size() < 2 || port.size() > 6 || port.front() != ':' ||
                        port.find_first_not_of("0123456789", 1) != std::string_view::npos))
    return {};
  return host;
}

bool changes_something(std::string_view method) {
  return method != "GET" && method != "HEAD" && method != "OPTIONS";
}

bool has_body(const HttpRequest& head) {
  return head.headers.has("Transfer-Encoding") ||
         (head.headers.has("Content-Length") && head.header("Content-Length") != "0");
}

HttpResponse forbidden(std::string message) {
  return error_response(Error{ErrorCode::forbidden, std::move(message)});
}

/// A page of another site has another origin, "null", or (older browsers, plain navigation) none.
std::optional<HttpResponse> check_origin(const HttpRequest& head) {
  if (head.headers.count("Origin") > 1) return forbidden("more than one Origin header");
  if (head.headers.has("Origin")) {
    const std::string_view origin = head.header("Origin");
    const std::string_view host = head.header("Host");
    const bool same = equal_ignoring_case(origin, fmt::format("http://{}", host)) ||
                      equal_ignoring_case(origin, fmt::format("https://{}", host));
    if (!same) return forbidden("a web page of another origin may not call this server");
  }
  const std::string_view site = head.header("Sec-Fetch-Site");
  if (changes_something(head.method) && (site == "cross-site" || site == "same-site"))
    return forbidden("a web page of another site may not call this server");
  return std::nullopt;
}

std::optional<HttpResponse> check_content_type(const HttpRequest& head, const Route& route) {
  if (!changes_something(head.method)) return std::nullopt;
  const bool takes_body = !route.content_types.empty();
  if (!takes_body && !head.headers.has("Content-Type") && !has_body(head)) return std::nullopt;
  if (head.method == "DELETE" && !has_body(head)) return std::nullopt;  // no form can send it
  const std::vector<std::string> accepted =
      takes_body ? route.content_types : std::vector<std::string>{"application/json"};
  const std::string type = media_type(head.header("Content-Type"));
  if (head.headers.count("Content-Type") == 1 && std::ranges::find(accepted, type) != accepted.end())
    return std::nullopt;
  return error_response(
      415, "unsupported_media_type",
      fmt::format("{} {} takes Content-Type: {}", route.method, route.pattern, fmt::join(accepted, " or ")));
}

}  // namespace

bool is_loopback_host(std::string_view host) noexcept {
  if (equal_ignoring_case(host, "localhost")) return true;
  const std::string text(host);
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Result<> check_address(const OriginGuardOptions& options) {
  if (!options.listen_all_insecure && !options.authenticated && !is_loopback_host(options.address))
    return fail(ErrorCode::forbidden,
                fmt::format("'{}' is open to other machines and no authentication is configured; listen on "
                            "127.0.0.1, configure [auth], or accept the risk with --listen-all --insecure",
                            options.address));
  return {};
}

Result<OriginGuard> OriginGuard::create(OriginGuardOptions options) {
  GEMINGA_TRY_VOID(check_address(options));
  return OriginGuard(std::move(options));
}

bool OriginGuard::host_allowed(std::string_view host) const {
  if (options_.listen_all_insecure || options_.authenticated || is_loopback_host(host)) return true;
  const auto is_host = [&](const std::string& name) { return equal_ignoring_case(name, host); };
  return !host.empty() &&
         (is_host(options_.address) || std::ranges::any_of(options_.advertised_hosts, is_host));
}

std::optional<HttpResponse> OriginGuard::operator()(const HttpRequest& head, const Route* route) const {
  if (!host_allowed(host_of(head.header("Host"))))
    return forbidden(
        "the Host header names neither this machine nor the advertised address; call it by its address, or "
        "name the host with --advertise");
  if (auto refusal = check_origin(head)) return refusal;
  if (route != nullptr) return check_content_type(head, *route);
  return std::nullopt;
}

}  // namespace geminga::net
