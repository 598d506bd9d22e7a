#include "doors/pulsar/topic_pattern.hpp"

#include <string>

#include <fmt/format.h>

#include "base/partition_name.hpp"

namespace geminga::doors::pulsar {

namespace {

constexpr std::string_view kSchemeEnd = "://";
constexpr std::int64_t kMemoryMax = 1 << 20;

re2::RE2::Options options() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMemoryMax);
  return options;
}

/// "^persistent://a/b.*" is "^a/b.*".
std::string without_scheme(std::string_view pattern) {
  const std::size_t at = pattern.find(kSchemeEnd);
  if (at == std::string_view::npos) return std::string(pattern);
  std::string_view front = pattern.substr(0, at);
  for (const std::string_view scheme : {"non-persistent", "persistent"}) {
    if (!front.ends_with(scheme)) continue;
    front.remove_suffix(scheme.size());
    return std::string(front).append(pattern.substr(at + kSchemeEnd.size()));
  }
  return std::string(pattern);  // matches nothing
}

}  // namespace

TopicPattern::TopicPattern(std::string_view without_scheme)
    : expression_(re2::StringPiece(without_scheme.data(), without_scheme.size()), options()) {}

Result<std::shared_ptr<const TopicPattern>> TopicPattern::compile(std::string_view pattern) {
  if (pattern.size() > kBytesMax)
    return fail(
        ErrorCode::unsupported_by_engine,
        fmt::format("a pattern of {} bytes; {} are the most that are taken", pattern.size(), kBytesMax));
  auto compiled = std::make_shared<const TopicPattern>(without_scheme(pattern));
  if (compiled->expression_.ok()) return compiled;
  return fail(ErrorCode::unsupported_by_engine,
              fmt::format("the pattern '{}' is not for RE2: {}; look-ahead, look-behind and back references "
                          "have to go",
                          pattern, compiled->expression_.error()));
}

bool TopicPattern::matches(std::string_view topic) const {
  const auto part = base::split_partition_name(topic);
  if (part) topic = part->topic;
  const std::size_t at = topic.find(kSchemeEnd);
  if (at != std::string_view::npos) topic.remove_prefix(at + kSchemeEnd.size());
  return re2::RE2::FullMatch(re2::StringPiece(topic.data(), topic.size()), expression_);
}

}  // namespace geminga::doors::pulsar
