#include "base/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace geminga::base {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, ExpositionShowsEveryKindWithItsLabels) {
  Metrics metrics;
  metrics.counter("geminga_things_total", "Things.", {{"kind", "a"}}).add(3);
  metrics.gauge("geminga_level", "A level.").set(-2.5);
  metrics.histogram("geminga_wait_seconds", "A wait.", {0.1, 1}).observe(0.5);
  const std::string text = metrics.exposition();
  EXPECT_THAT(text, HasSubstr("# HELP geminga_things_total Things.\n# TYPE geminga_things_total counter\n"));
  EXPECT_THAT(text, HasSubstr("geminga_things_total{kind=\"a\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("geminga_level -2.5\n"));
  EXPECT_THAT(text, HasSubstr("geminga_wait_seconds_bucket{le=\"0.1\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("geminga_wait_seconds_bucket{le=\"1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("geminga_wait_seconds_count 1\n"));
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameInstrument) {
  Metrics metrics;
  metrics.counter("geminga_things_total", "Things.").add();
  const Counter again = metrics.counter("geminga_things_total", "Things.");
  again.add();
  EXPECT_EQ(again.value(), 2);
}

TEST(Metrics, ARemovedGaugeIsNotShown) {
  Metrics metrics;
  metrics.gauge("geminga_backlog", "Backlog.", {{"topic", "gone"}}).set(1);
  metrics.gauge("geminga_backlog", "Backlog.", {{"topic", "stays"}}).set(2);
  metrics.remove_gauge("geminga_backlog", {{"topic", "gone"}});
  EXPECT_THAT(metrics.exposition(), Not(HasSubstr("gone")));
  EXPECT_THAT(metrics.exposition(), HasSubstr("stays"));
}

TEST(Metrics, RefreshRunsBeforeEachExpositionUntilItsHandleIsDropped) {
  Metrics metrics;
  const Gauge gauge = metrics.gauge("geminga_level", "A level.");
  auto handle = metrics.on_collect([gauge] { gauge.add(1); });
  EXPECT_THAT(metrics.exposition(), HasSubstr("geminga_level 1\n"));
  EXPECT_THAT(metrics.exposition(), HasSubstr("geminga_level 2\n"));
  handle.reset();
  EXPECT_THAT(metrics.exposition(), HasSubstr("geminga_level 2\n"));
}

}  // namespace
}  // namespace geminga::base
