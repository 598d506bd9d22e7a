#include "base/partition_name.hpp"

#include <charconv>

#include <fmt/format.h>

#include "base/topic_name.hpp"
#include "base/try.hpp"

namespace geminga::base {
namespace {

constexpr std::string_view kMark = "-partition-";

}  // namespace

std::string partition_name(std::string_view topic, std::uint32_t partition) {
  return fmt::format("{}{}{}", topic, kMark, partition);
}

std::optional<PartitionName> split_partition_name(std::string_view name) {
  const auto at = name.rfind(kMark);
  if (at == std::string_view::npos || at == 0 || name[at - 1] == '/') return std::nullopt;
  const std::string_view digits = name.substr(at + kMark.size());
  std::uint32_t partition = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), partition);
  const bool number = !digits.empty() && error == std::errc() && end == digits.data() + digits.size();
  if (!number || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  return PartitionName{std::string(name.substr(0, at)), partition};
}

Result<> check_partitioned(std::string_view topic, std::uint32_t partitions) {
  if (partitions == 0 || partitions > kPartitionsMax)
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} partitions for {}; a topic has 1 to {}", partitions, topic, kPartitionsMax));
  if (split_partition_name(topic))
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} is the name of a partition, which cannot have partitions", topic));
  GEMINGA_TRY_VOID(TopicName::parse(partition_name(topic, partitions - 1), ""));
  return {};
}

}  // namespace geminga::base
