#include "operations.hpp"

namespace geminga::sim {

bool let_time_pass(World& world) {
  const std::chrono::milliseconds by(world.random.between(1, 5'000));
  world.move_clock([&clock = world.machine.clock(), by] { clock.advance(by); });
  return true;
}

bool jump_wall_clock(World& world) {
  const std::chrono::milliseconds by(world.random.between(1, 60'000));
  world.move_clock([&clock = world.machine.clock(), by] { clock.jump(by); });
  return true;
}

}  // namespace geminga::sim
