#include "cli/output.hpp"

#include <gtest/gtest.h>

namespace geminga::cli {
namespace {

TEST(Output, WhatAToolSaysCannotSteerTheTerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\r\x07"), "a\\x1b[2Jb\\x0d\\x07");
  EXPECT_EQ(printable("line\n\ttabbed é"), "line\n\ttabbed é");
  EXPECT_EQ(printable("a\u009b2Jb\u00a0c"), "a\\x9b2Jb\u00a0c");
}

TEST(Output, CutsBetweenCharacters) {
  EXPECT_EQ(shortened("äöü", 3), "äöü");
  EXPECT_EQ(shortened("äöüß", 3), "äö…");
  EXPECT_EQ(shortened("", 3), "");
}

TEST(Output, DurationsForPeople) {
  EXPECT_EQ(human_duration(1.25), "1.2 ms");
  EXPECT_EQ(human_duration(250.4), "250 ms");
  EXPECT_EQ(human_duration(12'400), "12.4 s");
}

}  // namespace
}  // namespace geminga::cli
