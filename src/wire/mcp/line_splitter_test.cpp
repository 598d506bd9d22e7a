#include "wire/mcp/line_splitter.hpp"

#include <gtest/gtest.h>

namespace geminga::wire::mcp {
namespace {

TEST(LineSplitter, GivesTheSameLinesHoweverTheInputIsSplit) {
  const std::string input = "one\r\n\ntwo \r x\nthree";
  for (std::size_t cut = 0; cut <= input.size(); ++cut) {
    LineSplitter splitter(100);
    std::vector<std::string> lines;
    for (const std::string_view piece :
         {std::string_view(input).substr(0, cut), std::string_view(input).substr(cut)}) {
      for (auto& line : splitter.feed(piece)) lines.push_back(line.text);
    }
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "two \r x"})) << cut;
    EXPECT_EQ(splitter.rest(), "three");
  }
}

TEST(LineSplitter, KeepsOnlyTheEdgesOfALineOverTheLimit) {
  for (const std::size_t piece : {1UL, 7UL, 600UL, 5'000UL}) {
    LineSplitter splitter(1'000);
    const std::string input = "HEAD" + std::string(3'000, 'x') + "TAIL\nnext\n";
    std::vector<LineSplitter::Line> lines;
    for (std::size_t at = 0; at < input.size(); at += piece) {
      for (auto& line : splitter.feed(std::string_view(input).substr(at, piece)))
        lines.push_back(std::move(line));
      EXPECT_LE(splitter.rest().size(), 1'000U);
    }
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_TRUE(lines[0].over_limit);
    EXPECT_EQ(lines[0].text, "HEAD" + std::string(252, 'x'));
    EXPECT_EQ(lines[0].tail, std::string(252, 'x') + "TAIL");
    EXPECT_FALSE(lines[1].over_limit);
    EXPECT_EQ(lines[1].text, "next");
  }
}

TEST(LineSplitter, ALineOfExactlyTheLimitIsWhole) {
  LineSplitter splitter(5);
  auto lines = splitter.feed("12345\n123456\n");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_FALSE(lines[0].over_limit);
  EXPECT_TRUE(lines[1].over_limit);
}

}  // namespace
}  // namespace geminga::wire::mcp
