#pragma once

#include <string>

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {

/// Topics with partitions: proven where the engine has them, refused with its reason else.
class Partitions : public Conformance {
 protected:
  /// True: proven to be refused, nothing else to see.
  bool absent() { return refused(Feature::partitioned_topics, admin().create_partitioned_topic("probe", 2)); }
  [[nodiscard]] Admin admin() { return bus().admin(); }
  void create(std::uint32_t partitions) { ASSERT_TRUE(admin().create_partitioned_topic("t", partitions)); }
  static std::string part(std::uint32_t number) { return "t-partition-" + std::to_string(number); }
  static OutgoingMessage numbered(std::uint64_t id) {
    OutgoingMessage message = body(std::to_string(id));
    message.sequence_id = id;
    return message;
  }
};

}  // namespace geminga::conformance
