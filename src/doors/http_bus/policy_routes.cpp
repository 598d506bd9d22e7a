#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/policy_fields.hpp"
#include "base/try.hpp"
#include "doors/http_bus/service.hpp"
#include "net/json_body.hpp"

namespace geminga::doors {

using nlohmann::json;

namespace {

json policies_to_json(const Policies& policies) {
  json object = json::object();
  for (const auto& [name, value] : base::to_values(policies)) {
    if (base::is_word(name))
      object[name] = base::to_word(name, value);
    else
      object[name] = value;
  }
  return object;
}

Result<Policies> policies_from(const json& object) {
  base::PolicyValues values;
  for (const auto& [name, value] : object.items()) {
    const bool word = base::is_word(name);
    if (word && value.is_string()) {
      GEMINGA_TRY(const std::uint64_t number, base::parse_word(name, value.get<std::string>()));
      values.emplace(name, number);
    } else if (!word && value.is_number_unsigned()) {
      values.emplace(name, value.get<std::uint64_t>());
    } else {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("'{}' must be {}", name, word ? "a word" : "a whole number, 0 for no limit"));
    }
  }
  return base::to_policies(values);
}

}  // namespace

/// ?topic=T or ?namespace=N, one of them.
Result<HttpBus::Service::PolicyTarget> HttpBus::Service::policy_target(const net::HttpRequest& request,
                                                                       Use use) const {
  const auto topic_text = request.query_value("topic");
  const auto path = request.query_value("namespace");
  if (topic_text.has_value() == path.has_value())
    return fail(ErrorCode::invalid_argument, "one of the query parameters 'topic' and 'namespace' is needed");
  PolicyTarget target;
  if (path) {
    GEMINGA_TRY_VOID(check_namespace(request, *path, use));
    target.name_space = *path;
  } else {
    GEMINGA_TRY(target.topic, topic(request, *topic_text, use));
  }
  return target;
}

HttpBus::Service::Answer HttpBus::Service::get_policies(const net::HttpRequest& request) {
  GEMINGA_TRY(const PolicyTarget target, policy_target(request, Use::look));
  Admin admin = bus_.admin();
  GEMINGA_TRY(const Policies policies, target.name_space.empty()
                                           ? admin.policies(target.topic)
                                           : admin.namespace_policies(target.name_space));
  return json_answer(policies_to_json(policies));
}

HttpBus::Service::Answer HttpBus::Service::put_policies(const net::HttpRequest& request) {
  GEMINGA_TRY(const PolicyTarget target, policy_target(request, Use::change));
  GEMINGA_TRY(const json body, net::parse_json_object(request.body));
  GEMINGA_TRY(const Policies policies, policies_from(body));
  Admin admin = bus_.admin();
  GEMINGA_TRY_VOID(target.name_space.empty() ? admin.set_policies(target.topic, policies)
                                             : admin.set_namespace_policies(target.name_space, policies));
  return json_answer(policies_to_json(policies));
}

HttpBus::Service::Answer HttpBus::Service::list_namespaces(const net::HttpRequest& request) {
  GEMINGA_TRY(const auto names, visible_namespaces(request));
  return json_answer({{"namespaces", names}});
}

}  // namespace geminga::doors
