#include "cli/broker_conf_readers.hpp"

#include <cmath>
#include <cstdlib>

namespace geminga::cli::conf {

Result<> quota_gigabytes(ConfValues& values, std::string_view value) {
  if (value.empty()) return {};
  const std::string number(value);
  char* end = nullptr;
  const double gigabytes = std::strtod(number.c_str(), &end);
  if (end != number.c_str() + number.size() || !std::isfinite(gigabytes) || gigabytes > 1e9)
    return fail(ErrorCode::config_error, fmt::format("'{}' is no number of gigabytes", value));
  const double bytes = gigabytes * (1ULL << 30);
  if (bytes >= 1 && !values.quota_in_bytes)
    values.embedded.default_policies.backlog_bytes = static_cast<std::uint64_t>(bytes);
  return {};
}

Result<> quota_bytes(ConfValues& values, std::string_view value) {
  if (value.empty()) return {};
  GEMINGA_TRY(const std::int64_t bytes, whole_number(value, -1, std::numeric_limits<std::int64_t>::max()));
  if (bytes > 0) {
    values.embedded.default_policies.backlog_bytes = static_cast<std::uint64_t>(bytes);
    values.quota_in_bytes = true;
  }
  return {};
}

Result<> quota_action(ConfValues& values, std::string_view value) {
  if (value.empty()) return {};
  GEMINGA_TRY(const auto action, base::parse_word("backlog_action", value));
  values.embedded.default_policies.backlog_action = static_cast<BacklogAction>(action);
  return {};
}

Result<> providers(ConfValues& values, std::string_view value) {
  values.providers.clear();
  for (const std::string& name : names_in(value)) values.providers.insert(last_part(name));
  return {};
}

Result<> authorization_provider(ConfValues& values, std::string_view value) {
  if (!value.empty()) values.authorization_provider = last_part(value);
  return {};
}

Result<> connections(ConfValues& values, std::string_view value) {
  if (value.empty()) return {};
  GEMINGA_TRY(const std::int64_t number, whole_number(value, 0, 1'000'000));
  if (number > 0) values.door.connections_max = static_cast<std::size_t>(number);
  return {};
}

Result<> tls_protocols(ConfValues& values, std::string_view value) {
  const std::set<std::string> names = names_in(value);
  if (names.empty()) return {};
  const bool has_12 = names.contains("TLSv1.2");
  const bool has_13 = names.contains("TLSv1.3");
  if (!has_12 && !has_13)
    return fail(
        ErrorCode::config_error,
        fmt::format("'{}' names neither TLSv1.2 nor TLSv1.3, and nothing older is spoken here", value));
  values.tls.only_1_3 = !has_12;
  return {};
}

namespace {

/// Below zero: no limit of that kind.
Result<std::optional<std::int64_t>> retention_limit(std::string_view value) {
  GEMINGA_TRY(const std::int64_t number, whole_number(value, -1, std::numeric_limits<std::int32_t>::max()));
  return number < 0 ? std::nullopt : std::optional(number);
}

}  // namespace

Result<> retention_minutes(ConfValues& values, std::string_view value) {
  if (value.empty()) return {};
  GEMINGA_TRY(const auto minutes, retention_limit(value));
  auto& time = values.embedded.default_retention.time;
  time = minutes ? std::optional<std::chrono::seconds>(std::chrono::minutes(*minutes)) : std::nullopt;
  return {};
}

Result<> retention_megabytes(ConfValues& values, std::string_view value) {
  if (value.empty()) return {};
  GEMINGA_TRY(const auto megabytes, retention_limit(value));
  auto& bytes = values.embedded.default_retention.bytes;
  bytes = megabytes ? std::optional(static_cast<std::uint64_t>(*megabytes) << 20) : std::nullopt;
  return {};
}

}  // namespace geminga::cli::conf
