#include "orchestrator/services/silence.hpp"

#include <gtest/gtest.h>

namespace geminga::orchestrator {
namespace {

using std::chrono::milliseconds;

TEST(SilenceTest, ItLastsFromTheArrival) {
  const base::MonotonicTime start{};
  Silence silence;
  silence.begin(1, start);
  silence.begin(2, start + milliseconds{300});
  EXPECT_EQ(silence.about(1, start + milliseconds{400}), milliseconds{400});
  EXPECT_EQ(silence.about(2, start + milliseconds{400}), milliseconds{100});
  EXPECT_EQ(silence.about(3, start + milliseconds{400}), milliseconds{0});
}

TEST(SilenceTest, ADecisionAboutAnEarlierOneBeginsItAnew) {
  const base::MonotonicTime start{};
  Silence silence;
  for (std::uint64_t number = 1; number <= 3; ++number) silence.begin(number, start);
  silence.forget(2);
  silence.broken(2, start + milliseconds{500});
  EXPECT_EQ(silence.about(1, start + milliseconds{600}), milliseconds{600}) << "it was passed over";
  EXPECT_EQ(silence.about(3, start + milliseconds{600}), milliseconds{100});
}

}  // namespace
}  // namespace geminga::orchestrator
