#include <fmt/core.h>

#include "base/topic_name.hpp"
#include "base/try.hpp"
#include "doors/http_bus/service.hpp"

/// Every name of a topic or namespace that a request brings, in path, query or body, comes through here
/// before it is used, so a tenant's role cannot name what is another tenant's.
namespace geminga::doors {

namespace {

constexpr std::string_view kDefaultNamespace = "public/default";

}  // namespace

Result<std::string> required_query(const net::HttpRequest& request, std::string_view name) {
  const auto value = request.query_value(name);
  if (!value || value->empty())
    return fail(ErrorCode::invalid_argument,
                fmt::format("the query parameter '{}' is needed (?{}=...)", name, name));
  return std::string(*value);
}

Result<> HttpBus::Service::check_namespace(const net::HttpRequest& request, std::string_view path,
                                           Use use) const {
  if (auth::sees_all(request.principal)) return {};
  GEMINGA_TRY_VOID(base::check_namespace_path(path));
  // The same words whether it is there or not.
  if (!auth::sees_tenant(request.principal, path.substr(0, path.find('/'))))
    return fail(ErrorCode::forbidden,
                fmt::format("'{}' is not of the tenant '{}', which is that of the role '{}'", path,
                            request.principal->tenant, request.principal->role));
  if (use == Use::change && options_.read_only && options_.read_only(path))
    return fail(ErrorCode::forbidden,
                fmt::format("'{}' is kept by the orchestrator; over the bus it can be looked at only", path));
  return {};
}

Result<std::string> HttpBus::Service::topic(const net::HttpRequest& request, std::string_view text,
                                            Use use) const {
  GEMINGA_TRY(std::string full, bus_.full_topic_name(text));
  if (auth::sees_all(request.principal)) return full;
  GEMINGA_TRY(const auto name, base::TopicName::parse(full, kDefaultNamespace));
  GEMINGA_TRY_VOID(check_namespace(request, name.namespace_path(), use));
  return full;
}

Result<std::string> HttpBus::Service::named_topic(const net::HttpRequest& request, Use use) const {
  const std::string_view in_path = request.param("topic");
  if (in_path.empty()) {
    GEMINGA_TRY(const std::string in_query, required_query(request, "topic"));
    return topic(request, in_query, use);
  }
  if (request.query_value("topic"))
    return fail(ErrorCode::invalid_argument, "the topic stands in the path already; leave ?topic= out");
  return topic(request, in_path, use);
}

Result<std::vector<std::string>> HttpBus::Service::visible_namespaces(const net::HttpRequest& request) {
  Admin admin = bus_.admin();
  std::vector<std::string> names;
  GEMINGA_TRY(const auto tenants, admin.tenants());
  for (const std::string& tenant : tenants) {
    if (!auth::sees_tenant(request.principal, tenant)) continue;
    GEMINGA_TRY(const auto some, admin.namespaces(tenant));
    names.insert(names.end(), some.begin(), some.end());
  }
  return names;
}

}  // namespace geminga::doors
