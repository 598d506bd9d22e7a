#include "operations.hpp"

namespace geminga::sim {

std::span<const Operation> all_operations() {
  static constexpr Operation kAll[] = {
      {"create_topic", 12, create_topic},
      {"delete_topic", 1, delete_topic},
      {"set_retention", 1, set_retention},
      {"trim", 4, trim},
      {"publish", 30, publish, true},
      {"publish_to_many", 8, publish_to_many, true},
      {"register_producer", 6, register_producer},
      {"close_producer", 2, close_producer},
      {"publish_numbered", 16, publish_numbered, true},
      {"subscribe", 12, subscribe},
      {"create_subscription", 3, create_subscription},
      {"delete_subscription", 1, delete_subscription},
      {"skip_all", 1, skip_all},
      {"skip", 1, skip},
      {"expire", 1, expire},
      {"seek", 2, seek},
      {"flow", 12, flow},
      {"stop_consumer", 1, stop_consumer},
      {"close_consumer", 4, close_consumer},
      {"unsubscribe", 1, unsubscribe},
      {"acknowledge", 40, acknowledge, true},
      {"acknowledge_up_to", 6, acknowledge_up_to, true},
      {"acknowledge_what_is_not_out", 2, acknowledge_what_is_not_out},
      {"give_back", 10, give_back},
      {"give_all_back", 1, give_all_back},
      {"forward", 12, forward, true},
      {"open_reader", 2, open_reader},
      {"close_reader", 2, close_reader},
      {"let_time_pass", 10, let_time_pass},
      {"jump_wall_clock", 1, jump_wall_clock},
  };
  return kAll;
}

}  // namespace geminga::sim
