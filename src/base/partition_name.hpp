#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <geminga/error.hpp>

/// A partition is a topic by itself, called "<topic>-partition-<number>" as in Pulsar. The form stands here
/// once.
namespace geminga::base {

/// A topic has at most so many; each one is a topic with what belongs to it.
inline constexpr std::uint32_t kPartitionsMax = 10'000;

struct PartitionName {
  std::string topic;
  std::uint32_t partition = 0;
};

std::string partition_name(std::string_view topic, std::uint32_t partition);
/// Nothing where the name is not of that form.
std::optional<PartitionName> split_partition_name(std::string_view name);
/// Errors: invalid_argument (none, too many, a name that would not fit, that of a partition).
Result<> check_partitioned(std::string_view topic, std::uint32_t partitions);

}  // namespace geminga::base
