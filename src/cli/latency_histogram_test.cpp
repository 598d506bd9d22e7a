#include "cli/latency_histogram.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace geminga::cli {
namespace {

using std::chrono::nanoseconds;

TEST(LatencyHistogram, AnEmptyOneIsZero) {
  const LatencyHistogram none;
  EXPECT_EQ(none.count(), 0U);
  EXPECT_EQ(none.at(0.5).count(), 0);
  EXPECT_EQ(none.max().count(), 0);
}

TEST(LatencyHistogram, SmallValuesAreExact) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 100; ++i) histogram.add(nanoseconds{i});
  EXPECT_EQ(histogram.at(0.5).count(), 50);
  EXPECT_EQ(histogram.at(0.99).count(), 99);
  EXPECT_EQ(histogram.at(1).count(), 100);
}

TEST(LatencyHistogram, PercentilesAreAtMostOnePercentAboveTheExactOnes) {
  LatencyHistogram histogram;
  std::vector<std::int64_t> all;
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> spread(12, 3);
  for (int i = 0; i < 100'000; ++i) {
    all.push_back(static_cast<std::int64_t>(spread(random)));
    histogram.add(nanoseconds{all.back()});
  }
  std::ranges::sort(all);
  for (const double part : {0.001, 0.5, 0.95, 0.99, 0.999, 1.0}) {
    const auto exact = all[static_cast<std::size_t>(std::ceil(part * 100'000)) - 1];
    EXPECT_GE(histogram.at(part).count(), exact) << part;
    EXPECT_LE(static_cast<double>(histogram.at(part).count()), static_cast<double>(exact) * 1.01) << part;
  }
  EXPECT_EQ(histogram.max().count(), all.back());
}

TEST(LatencyHistogram, TheEndsOfTheRangeFit) {
  LatencyHistogram histogram;
  histogram.add(nanoseconds{-5});
  histogram.add(nanoseconds::max());
  EXPECT_EQ(histogram.at(0.5).count(), 0);
  EXPECT_EQ(histogram.at(1), nanoseconds::max());
}

}  // namespace
}  // namespace geminga::cli
