#include "orchestrator/services/held_servers.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace geminga::orchestrator {
namespace {

using std::chrono::milliseconds;

const base::MonotonicTime kStart{std::chrono::hours{1}};

HeldServers at_rate(std::uint64_t per_second) {
  return HeldServers([per_second](const std::string&) { return per_second; });
}

TEST(HeldServersTest, AServerIsHeldForAsLongAsItSaid) {
  auto servers = at_rate(0);
  EXPECT_FALSE(servers.turned_away("a", kStart));
  EXPECT_EQ(servers.refused("a", milliseconds{300}, kStart), milliseconds{300});
  EXPECT_TRUE(servers.turned_away("a", kStart + milliseconds{299}));
  EXPECT_FALSE(servers.turned_away("a", kStart + milliseconds{300}));
  EXPECT_FALSE(servers.turned_away("b", kStart));
  EXPECT_EQ(servers.refused("b", milliseconds{0}, kStart), milliseconds{100}) << "it did not say when";
}

TEST(HeldServersTest, TurnsFollowEachOtherAtTheServersRate) {
  auto servers = at_rate(10);
  EXPECT_EQ(servers.refused("a", milliseconds{300}, kStart), milliseconds{300});
  EXPECT_EQ(servers.turned_away("a", kStart), milliseconds{400});
  EXPECT_EQ(servers.turned_away("a", kStart + milliseconds{50}), milliseconds{450});
  auto without = at_rate(0);
  without.refused("b", milliseconds{300}, kStart);
  EXPECT_EQ(without.turned_away("b", kStart), milliseconds{301}) << "no rate: only not all at once";
}

TEST(HeldServersTest, WhoFindsNoTurnComesAgainBeforeTheLastOfThem) {
  auto servers = at_rate(1);
  std::vector<milliseconds> turns{servers.refused("a", milliseconds{1'000}, kStart)};
  while (turns.size() < 2'000) turns.push_back(servers.turned_away("a", kStart).value());
  std::size_t soon = 0;
  for (const auto turn : turns) {
    EXPECT_LE(turn, HeldServers::kAhead + milliseconds{1'000});
    soon += turn < HeldServers::kAhead / 2 ? 1 : 0;
  }
  EXPECT_LE(soon, 16U) << "one a second";
  EXPECT_NE(turns[100], turns[101]);
}

TEST(HeldServersTest, TurnsThatArePastHoldUpNobody) {
  auto servers = at_rate(1'000);
  servers.refused("a", milliseconds{100}, kStart);
  for (int i = 0; i < 5; ++i) servers.turned_away("a", kStart);
  EXPECT_EQ(servers.refused("a", milliseconds{100}, kStart + milliseconds{10'000}), milliseconds{100});
}

}  // namespace
}  // namespace geminga::orchestrator
