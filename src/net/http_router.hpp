#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/principal.hpp"
#include "net/http_message.hpp"

namespace geminga::net {

class Responder;

/// Runs on the server's loop and must not block: hand the Responder on and return. An exception becomes a
/// 500.
using HttpHandler = std::function<void(HttpRequest, Responder)>;

/// One row of the table; `pattern` is "/api/orchestrator/jobs/{id}", a {name} matches exactly one segment.
struct Route {
  std::string method;
  std::string pattern;
  HttpHandler handler;
  /// What POST, PUT and PATCH may carry. Empty: the route takes no body.
  std::vector<std::string> content_types = {"application/json"};
  /// What whoever uses it must be allowed to do, where authentication is on. Said for each route; what is
  /// left out is the most.
  auth::Need need = auth::Need::superuser;
};

/// Where a request goes.
struct RouteMatch {
  const Route* route = nullptr;  ///< nullptr: none; then `allow` tells 405 (not empty) from 404
  std::vector<std::pair<std::string, std::string>> params;
  std::string allow;  ///< "GET, HEAD, POST"
};

/// Filled before the server listens, then read only. A literal segment wins over a {name}. GET answers HEAD.
class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  /// A pattern that is malformed or there twice is a bug of ours and asserts.
  void add(Route route);
  void get(std::string pattern, HttpHandler handler, auth::Need need = auth::Need::superuser);
  /// Takes application/json.
  void post(std::string pattern, HttpHandler handler, auth::Need need = auth::Need::superuser);
  /// POST without a body ("cancel").
  void post_empty(std::string pattern, HttpHandler handler, auth::Need need = auth::Need::superuser);
  void put(std::string pattern, HttpHandler handler, auth::Need need = auth::Need::superuser);
  void del(std::string pattern, HttpHandler handler, auth::Need need = auth::Need::superuser);

  [[nodiscard]] RouteMatch match(std::string_view method, const std::vector<std::string>& segments) const;
  /// Every route in the order of adding; what the API reference is compared with.
  [[nodiscard]] std::vector<const Route*> routes() const;

 private:
  struct Node;
  std::unique_ptr<Node> root_;
  std::vector<std::unique_ptr<Route>> routes_;
};

}  // namespace geminga::net
