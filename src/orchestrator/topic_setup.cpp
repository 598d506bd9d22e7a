#include <algorithm>
#include <optional>
#include <set>

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

/// Which of the row's subscriptions exist; nothing where the topic itself does not.
Result<std::optional<std::set<std::string, std::less<>>>> existing(Admin& admin, const std::string& topic) {
  std::set<std::string, std::less<>> names;
  const auto stats = admin.stats(topic);
  if (!stats && error_info(stats.error().code).http_status == 404) return std::nullopt;
  if (!stats) return std::unexpected(stats.error());
  for (const auto& subscription : stats->subscriptions) names.insert(subscription.name);
  return names;
}

Result<> make_topic(Admin& admin, const std::string& name) {
  if (const auto home = namespace_of(name); !home.empty()) {
    const auto tenant = home.substr(0, home.find('/'));
    GEMINGA_TRY_VOID(ensure(admin.create_tenant(tenant), fmt::format("create tenant {}", tenant)));
    GEMINGA_TRY_VOID(ensure(admin.create_namespace(home), fmt::format("create namespace {}", home)));
  }
  return ensure(admin.create_topic(name), "create topic " + name);
}

/// An answer is the disk's, whatever its namespace says: a job is not published again when the bus has taken
/// it. What somebody has set for this very topic stays.
Result<> answer_from_the_disk(Admin& admin, const std::string& name) {
  auto own = admin.policies(name);
  if (!own && own.error().code == ErrorCode::unsupported_by_engine) return {};
  if (!own) return std::unexpected(own.error());
  if (own->durability) return {};
  own->durability = Durability{};
  return ensure(admin.set_policies(name, *own), "set the policies of " + name);
}

/// Looks before it writes: every change costs a sync of the disk, and most starts find everything there. The
/// subscriptions come last, so where all of them exist the retention was set.
Result<> set_up_row(Admin& admin, const TopicRow& row, const std::string& name) {
  GEMINGA_TRY(const auto there, existing(admin, name));
  const auto known = [&](std::string_view subscription) { return there && there->contains(subscription); };
  if (!there) GEMINGA_TRY_VOID(make_topic(admin, name));
  GEMINGA_TRY_VOID(answer_from_the_disk(admin, name));
  if (!row.subscriptions.empty() && std::ranges::all_of(row.subscriptions, known)) return {};
  GEMINGA_TRY_VOID(ensure(admin.set_retention(name, {.time = row.retention, .bytes = std::nullopt}),
                          "set the retention of " + name));
  for (const auto subscription : row.subscriptions) {
    if (known(subscription)) continue;
    GEMINGA_TRY_VOID(ensure(admin.create_subscription(name, subscription, InitialPosition::earliest),
                            fmt::format("create subscription {} on {}", subscription, name)));
  }
  return {};
}
}  // namespace

Result<> set_up_topics(Admin& admin, const Topics& topics) {
  for (const auto& row : topic_table()) GEMINGA_TRY_VOID(set_up_row(admin, row, topics.of(row.role)));
  return {};
}

}  // namespace geminga::orchestrator
