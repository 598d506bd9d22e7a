#include "net/http_router.hpp"

#include <map>

#include "base/assert.hpp"
#include "net/http_path.hpp"

namespace geminga::net {

/// One segment of the tree of patterns.
struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literal;
  std::unique_ptr<Node> any;
  std::map<std::string, const Route*, std::less<>> by_method;
};

namespace {

bool is_param(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::vector<std::string> pattern_segments(const std::string& pattern) {
  std::vector<std::string> segments;
  GEMINGA_ASSERT(pattern.starts_with('/'));
  for (std::size_t at = 0; at < pattern.size();) {
    const std::size_t end = std::min(pattern.find('/', at + 1), pattern.size());
    segments.push_back(pattern.substr(at + 1, end - at - 1));
    at = end;
  }
  return segments;
}

}  // namespace

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::add(Route route) {
  Node* node = root_.get();
  for (std::string& segment : pattern_segments(route.pattern)) {
    std::unique_ptr<Node>& next = is_param(segment) ? node->any : node->literal[std::move(segment)];
    if (!next) next = std::make_unique<Node>();
    node = next.get();
  }
  GEMINGA_ASSERT(route.handler != nullptr);
  routes_.push_back(std::make_unique<Route>(std::move(route)));
  const Route* added = routes_.back().get();
  GEMINGA_ASSERT(node->by_method.emplace(added->method, added).second);
}

void Router::get(std::string pattern, HttpHandler handler, auth::Need need) {
  add({.method = "GET",
       .pattern = std::move(pattern),
       .handler = std::move(handler),
       .content_types = {},
       .need = need});
}

void Router::post(std::string pattern, HttpHandler handler, auth::Need need) {
  add({.method = "POST", .pattern = std::move(pattern), .handler = std::move(handler), .need = need});
}

void Router::post_empty(std::string pattern, HttpHandler handler, auth::Need need) {
  add({.method = "POST",
       .pattern = std::move(pattern),
       .handler = std::move(handler),
       .content_types = {},
       .need = need});
}

void Router::put(std::string pattern, HttpHandler handler, auth::Need need) {
  add({.method = "PUT", .pattern = std::move(pattern), .handler = std::move(handler), .need = need});
}

void Router::del(std::string pattern, HttpHandler handler, auth::Need need) {
  add({.method = "DELETE",
       .pattern = std::move(pattern),
       .handler = std::move(handler),
       .content_types = {},
       .need = need});
}

namespace {

/// The value of a {name} may not be empty: "/jobs/" is not "/jobs/{id}".
const auto* find_node(const auto* node, const std::vector<std::string>& segments, std::size_t at) {
  if (at == segments.size()) return node->by_method.empty() ? nullptr : node;
  if (const auto found = node->literal.find(segments[at]); found != node->literal.end())
    if (const auto* end = find_node(found->second.get(), segments, at + 1)) return end;
  if (node->any && !segments[at].empty()) return find_node(node->any.get(), segments, at + 1);
  return static_cast<decltype(node)>(nullptr);
}

std::string allowed_methods(const auto& by_method) {
  std::string allow;
  for (const auto& [method, route] : by_method) {
    if (!allow.empty()) allow += ", ";
    allow += method == "GET" ? "GET, HEAD" : method;
  }
  return allow;
}

}  // namespace

RouteMatch Router::match(std::string_view method, const std::vector<std::string>& segments) const {
  RouteMatch match;
  const Node* node = find_node(static_cast<const Node*>(root_.get()), segments, 0);
  if (node == nullptr) return match;
  const auto found = node->by_method.find(method == "HEAD" ? "GET" : method);
  if (found == node->by_method.end()) {
    match.allow = allowed_methods(node->by_method);
    return match;
  }
  match.route = found->second;
  const std::vector<std::string> pattern = pattern_segments(match.route->pattern);
  for (std::size_t i = 0; i < pattern.size(); ++i)
    if (is_param(pattern[i]))
      match.params.emplace_back(pattern[i].substr(1, pattern[i].size() - 2), segments[i]);
  return match;
}

std::vector<const Route*> Router::routes() const {
  std::vector<const Route*> all;
  all.reserve(routes_.size());
  for (const auto& route : routes_) all.push_back(route.get());
  return all;
}

}  // namespace geminga::net
