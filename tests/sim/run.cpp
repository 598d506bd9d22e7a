#include "run.hpp"

#include <numeric>

#include "operations.hpp"

namespace geminga::sim {
namespace {

constexpr std::uint64_t kStepsWithoutPowerMax = 20;

const Operation& draw_operation(Random& random, bool only_together) {
  const auto all = all_operations();
  const auto weight = [&](const Operation& each) {
    return only_together && !each.together ? 0U : each.weight;
  };
  const std::uint64_t sum =
      std::accumulate(all.begin(), all.end(), std::uint64_t{0},
                      [&](std::uint64_t so_far, const Operation& each) { return so_far + weight(each); });
  std::uint64_t left = random.below(sum);
  for (const Operation& each : all) {
    if (left < weight(each)) return each;
    left -= weight(each);
  }
  return all.front();
}

class Run {
 public:
  explicit Run(const RunOptions& options) : options_(options), world_(options.seed, options.unsafe) {}

  void go(Outcome& outcome) {
    for (outcome.step = 1; outcome.step <= options_.operations; ++outcome.step) step(outcome);
    finish(outcome);
  }

 private:
  void step(Outcome& outcome) {
    // Each step draws from its own seed: where the threads of the broker were a little faster or slower, the
    // steps that follow are the same all the same.
    world_.random = Random(options_.seed * 0x9e3779b97f4a7c15U + outcome.step);
    if (world_.random.below(200) == 0) {
      say(outcome, "stop and start");
      outcome.stops += 1;
      return world_.stop_and_start();
    }
    if (world_.random.below(60) == 0 && !world_.machine.power_cut_planned()) {
      // Some right away, so that it hits what this step writes.
      world_.machine.cut_power_after(world_.random.between(1, world_.random.chance(50) ? 4 : 60));
      patience_ = world_.random.between(0, kStepsWithoutPowerMax);
    }
    start_some(outcome);
    world_.wait_for_answers();
    const bool waited = world_.machine.power_cut_planned() && patience_-- == 0;
    if (waited || world_.machine.power_is_gone()) {
      say(outcome, "crash");
      outcome.crashes += 1;
      return world_.crash();
    }
    world_.settle();
  }

  void start_some(Outcome& outcome) {
    const Operation& first = draw_operation(world_.random, false);
    start(outcome, first);
    if (!first.together || !world_.random.chance(40)) return;
    for (std::uint64_t more = world_.random.between(1, 6); more > 0; --more)
      start(outcome, draw_operation(world_.random, true));
  }

  void start(Outcome& outcome, const Operation& operation) {
    if (operation.start(world_)) say(outcome, operation.name);
  }

  /// In the end everything is due, and everything is on the disk.
  void finish(Outcome& outcome) {
    if (!world_.machine.power_cut_planned()) {
      world_.move_clock([&clock = world_.machine.clock()] { clock.advance(std::chrono::hours{1}); });
      world_.wait_for_answers();
      world_.settle();
    }
    world_.stop_and_start();
    outcome.messages = world_.next_number();
  }

  void say(const Outcome& outcome, std::string_view what) const {
    if (options_.trace) options_.trace(outcome.step, what);
  }

  const RunOptions& options_;
  World world_;
  std::uint64_t patience_ = 0;
};

}  // namespace

Outcome run(const RunOptions& options) {
  Outcome outcome;
  try {
    Run(options).go(outcome);
  } catch (const Breach& breach) {
    outcome.breach = breach.what();
  }
  return outcome;
}

}  // namespace geminga::sim
