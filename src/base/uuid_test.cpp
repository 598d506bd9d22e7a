#include "base/uuid.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.hpp"

namespace geminga::base {
namespace {

TEST(Uuid, RandomOnesAreOfVersionFourAndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 1'000; ++i) {
    const auto id = random_uuid();
    ASSERT_TRUE(is_uuid(id)) << id;
    EXPECT_EQ(id[14], '4');
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos) << id;
    EXPECT_TRUE(seen.insert(id).second) << id;
  }
}

TEST(Uuid, OrderedOnesSortByTheirMillisecond) {
  const auto before = Clock::system().wall_now();
  std::set<std::string> seen;
  std::vector<std::string> times;
  for (int i = 0; i < 1'000; ++i) {
    const auto id = ordered_uuid();
    ASSERT_TRUE(is_uuid(id)) << id;
    EXPECT_EQ(id[14], '7');
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos) << id;
    EXPECT_TRUE(seen.insert(id).second) << id;
    times.push_back(id.substr(0, 8) + id.substr(9, 4));
  }
  EXPECT_TRUE(std::ranges::is_sorted(times));
  EXPECT_GE(std::stoll(times.front(), nullptr, 16), before.time_since_epoch().count());
  EXPECT_LE(std::stoll(times.back(), nullptr, 16), Clock::system().wall_now().time_since_epoch().count());
}

TEST(Uuid, NothingElseIsOne) {
  EXPECT_TRUE(is_uuid("0192F5A0-0000-7000-8000-00000000ABCD"));
  EXPECT_FALSE(is_uuid(""));
  EXPECT_FALSE(is_uuid("0192f5a0-0000-7000-8000-00000000abc"));
  EXPECT_FALSE(is_uuid("0192f5a0x0000-7000-8000-00000000abcd"));
  EXPECT_FALSE(is_uuid("0192f5a0-0000-7000-8000-00000000abcg"));
}

}  // namespace
}  // namespace geminga::base
