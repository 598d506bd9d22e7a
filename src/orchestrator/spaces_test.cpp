#include "orchestrator/spaces.hpp"

#include <set>

#include <gtest/gtest.h>

#include "base/topic_name.hpp"

namespace geminga::orchestrator {
namespace {

TEST(Spaces, AreNamedByTenantUserAndAgent) {
  EXPECT_EQ(namespace_of("acme", {}, {}).value(), "acme/orchestrator");
  EXPECT_EQ(namespace_of("acme", "alice", {}).value(), "acme/alice-orchestrator");
  EXPECT_EQ(namespace_of("acme", {}, "bot7").value(), "acme/bot7-execution");
  EXPECT_EQ(namespace_of("acme", "alice", "bot7").value(), "acme/alice-orchestrator");
  EXPECT_EQ(tenant_of("acme/alice-orchestrator"), "acme");
}

TEST(Spaces, NoTwoUsersShareOne) {
  std::set<std::string> seen;
  for (const auto* user : {"a/b", "a=2Fb", "a b", "a%b", "a\nb", "A", "a", "..", "ä", "a~b", "../other"}) {
    const auto name = namespace_of("acme", user, {}).value();
    EXPECT_TRUE(base::check_namespace_path(name)) << name;
    EXPECT_TRUE(is_kept_namespace(name)) << name;
    EXPECT_EQ(tenant_of(name), "acme");
    EXPECT_TRUE(seen.insert(name).second) << name;
  }
  EXPECT_FALSE(namespace_of("acme", "", {}));
  EXPECT_FALSE(namespace_of("acme", std::string(81, 'a'), {}));
  EXPECT_FALSE(namespace_of("acme", {}, std::string(27, ' ')));
}

TEST(Spaces, OthersAreNotKept) {
  for (const auto* other : {"acme/default", "orchestrator", "acme/orchestrators", "acme/executions", "acme/"})
    EXPECT_FALSE(is_kept_namespace(other)) << other;
}

}  // namespace
}  // namespace geminga::orchestrator
