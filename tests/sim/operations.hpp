#pragma once

#include <span>
#include <string_view>

#include "world.hpp"

namespace geminga::sim {

/// One thing that a client or an operator does. To add one: a function that draws its arguments from
/// `world.random`, starts the call with world.answer() or world.success(), and changes the model in the
/// answer; then a row in operations.cpp. It does not wait.
struct Operation {
  std::string_view name;
  unsigned weight;  ///< how often, against the others
  /// False: there is nothing to do it with now; nothing was started.
  bool (*start)(World& world);
  /// May be under way at the same time as others of this kind: only records of the journal, which stay in
  /// Model::asked until they are answered. What else is in doubt is marked in the model, one thing at a time.
  bool together = false;
};

[[nodiscard]] std::span<const Operation> all_operations();

// topics.cpp
bool create_topic(World& world);
bool delete_topic(World& world);
bool set_retention(World& world);
bool trim(World& world);
// publish.cpp
bool publish(World& world);
bool publish_to_many(World& world);
// producers.cpp
bool register_producer(World& world);
bool close_producer(World& world);
bool publish_numbered(World& world);
// subscriptions.cpp
bool subscribe(World& world);
bool create_subscription(World& world);
bool delete_subscription(World& world);
bool unsubscribe(World& world);
// positions.cpp
bool skip_all(World& world);
bool skip(World& world);
bool expire(World& world);
bool seek(World& world);
// consumers.cpp
bool flow(World& world);
bool stop_consumer(World& world);
bool close_consumer(World& world);
// settle.cpp
bool acknowledge(World& world);
bool acknowledge_up_to(World& world);
bool acknowledge_what_is_not_out(World& world);
bool give_back(World& world);
bool give_all_back(World& world);
bool forward(World& world);
// readers.cpp
bool open_reader(World& world);
bool close_reader(World& world);
// time.cpp
bool let_time_pass(World& world);
bool jump_wall_clock(World& world);

}  // namespace geminga::sim
