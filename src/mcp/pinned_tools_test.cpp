#include "mcp/pinned_tools.hpp"

#include <gmock/gmock.h>

namespace geminga::mcp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<Tool> tools(const std::string& description) {
  return {{.server = "s", .name = "a", .description = description, .input_schema = "{}"},
          {.server = "s", .name = "b", .input_schema = "{}"}};
}

PinnedTools pinned(const std::string& hash) {
  return {"s", hash, ToolPins(""), [](const std::function<void()>& write) { write(); }};
}

TEST(PinnedTools, WithoutAHashTheLastChangeStaysAndIsToldOnce) {
  PinnedTools pins = pinned("");
  EXPECT_THAT(pins.take(tools("reads")).remarks, IsEmpty()) << "the first list is no change";
  const auto changed = pins.take(tools("writes"));
  EXPECT_EQ(changed.usable, tools("writes"));
  EXPECT_THAT(changed.remarks, ElementsAre(HasSubstr("changed 'a': description")));
  EXPECT_EQ(pins.hash(), hash_of(tools("writes")));
  EXPECT_THAT(pins.take(tools("writes")).remarks, IsEmpty());
  EXPECT_THAT(pins.changes(), ElementsAre("changed 'a': description"));
}

TEST(PinnedTools, WithAHashAllIsWellOnceTheListIsBack) {
  PinnedTools pins = pinned(hash_of(tools("reads")));
  EXPECT_EQ(pins.take(tools("reads")).usable, tools("reads"));
  const auto other = pins.take(tools("writes"));
  EXPECT_THAT(other.usable, ElementsAre(tools("")[1])) << "what is as it was";
  EXPECT_THAT(other.remarks, ElementsAre(HasSubstr("changed 'a'"), HasSubstr("tools_hash")));
  EXPECT_THAT(pins.changes(), ElementsAre("changed 'a': description"));
  const auto again = pins.take(tools("writes"));
  EXPECT_THAT(again.remarks, IsEmpty()) << "it has been said";
  EXPECT_EQ(again.usable.size(), 1U);
  const auto back = pins.take(tools("reads"));
  EXPECT_EQ(back.usable, tools("reads"));
  EXPECT_THAT(back.remarks, IsEmpty());
  EXPECT_THAT(pins.changes(), IsEmpty());
}

TEST(PinnedTools, AHashThatNobodyHasSeenLetsNothingBeCalledAndSaysSoOnce) {
  PinnedTools pins = pinned("sha256:another");
  const auto first = pins.take(tools("reads"));
  EXPECT_THAT(first.usable, IsEmpty());
  EXPECT_THAT(first.remarks, testing::SizeIs(2));
  EXPECT_THAT(pins.take(tools("reads")).remarks, IsEmpty());
}

}  // namespace
}  // namespace geminga::mcp
