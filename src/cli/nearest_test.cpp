#include "cli/nearest.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace geminga::cli {
namespace {

const std::vector<std::string> kWords{"serve", "query", "http", "data-dir", "log-level"};

TEST(Nearest, FindsTheWordThatWasMeant) {
  EXPECT_EQ(nearest("htpp", kWords), "http");
  EXPECT_EQ(nearest("srve", kWords), "serve");
  EXPECT_EQ(nearest("log-levle", kWords), "log-level");
  EXPECT_EQ(did_you_mean("qurey", kWords), "; did you mean 'query'?");
}

TEST(Nearest, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(nearest("completely-else", kWords), "");
  EXPECT_EQ(nearest("ab", kWords), "");
  EXPECT_EQ(did_you_mean("zzzzzz", kWords), "");
}

}  // namespace
}  // namespace geminga::cli
