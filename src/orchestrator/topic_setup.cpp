#include <fmt/format.h>

#include "base/try.hpp"
#include "orchestrator/topics.hpp"

namespace geminga::orchestrator {
namespace {
/// Success also where it is there already.
Result<> ensure(Result<> made, std::string_view what) {
  if (made || made.error().code == ErrorCode::already_exists) return {};
  return std::unexpected(made.error().with(what));
}

/// "tenant/namespace" of a full name; empty for a bare one.
std::string_view namespace_of(std::string_view topic) {
  const auto scheme = topic.find("://");
  if (scheme == std::string_view::npos) return {};
  const auto rest = topic.substr(scheme + 3);
  return rest.substr(0, rest.rfind('/'));
}
}  // namespace

Result<> set_up_topics(Admin& admin, const Topics& topics) {
  for (const auto& row : topic_table()) {
    const auto& name = topics.of(row.role);
    if (const auto home = namespace_of(name); !home.empty()) {
      const auto tenant = home.substr(0, home.find('/'));
      GEMINGA_TRY_VOID(ensure(admin.create_tenant(tenant), fmt::format("create tenant {}", tenant)));
      GEMINGA_TRY_VOID(ensure(admin.create_namespace(home), fmt::format("create namespace {}", home)));
    }
    GEMINGA_TRY_VOID(ensure(admin.create_topic(name), "create topic " + name));
    GEMINGA_TRY_VOID(ensure(admin.set_retention(name, {.time = row.retention, .bytes = std::nullopt}),
                            "set the retention of " + name));
    for (const auto subscription : row.subscriptions)
      GEMINGA_TRY_VOID(ensure(admin.create_subscription(name, subscription, InitialPosition::earliest),
                              fmt::format("create subscription {} on {}", subscription, name)));
  }
  return {};
}

}  // namespace geminga::orchestrator
