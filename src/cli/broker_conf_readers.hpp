#pragma once

#include <charconv>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/policy_fields.hpp"
#include "base/try.hpp"
#include "cli/broker_conf.hpp"

/// How values of Pulsar's files are read; for the table of keys. Blanks around them are gone; an empty one is
/// as if the key were not there, where nothing else is said. Errors: config_error, without the key.
namespace geminga::cli::conf {

inline Result<std::int64_t> whole_number(std::string_view text, std::int64_t min, std::int64_t max) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < min || number > max)
    return fail(ErrorCode::config_error,
                fmt::format("'{}' is no whole number from {} to {}", text, min, max));
  return number;
}

inline Result<bool> truth(std::string_view text) {
  if (text == "true" || text == "false") return text == "true";
  return fail(ErrorCode::config_error, fmt::format("'{}' is neither true nor false", text));
}

/// Names with commas between them.
inline std::set<std::string> names_in(std::string_view list) {
  std::set<std::string> names;
  while (!list.empty()) {
    std::string_view one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), one.size() + 1));
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (!one.empty()) names.emplace(one);
  }
  return names;
}

/// "org.apache.pulsar.broker.authentication.AuthenticationProviderToken" is AuthenticationProviderToken.
inline std::string last_part(std::string_view class_name) {
  return std::string(class_name.substr(class_name.rfind('.') + 1));
}

// --- into a member of ConfValues --------------------------------------------------------------------------

template <auto Member>
Result<> text(ConfValues& values, std::string_view value) {
  values.*Member = std::string(value);
  return {};
}

template <auto Member>
Result<> flag(ConfValues& values, std::string_view value) {
  if (!value.empty()) {
    GEMINGA_TRY(values.*Member, truth(value));
  }
  return {};
}

/// An empty one switches the port off.
template <auto Member>
Result<> port(ConfValues& values, std::string_view value) {
  if (!value.empty()) GEMINGA_TRY_VOID(whole_number(value, 0, 65'535));
  values.*Member = std::string(value);
  return {};
}

template <auto Member>
Result<> seconds(ConfValues& values, std::string_view value) {
  if (value.empty()) return {};
  GEMINGA_TRY(const std::int64_t number, whole_number(value, 0, std::numeric_limits<std::int32_t>::max()));
  values.*Member = static_cast<std::uint64_t>(number);
  return {};
}

// --- into a part of it ------------------------------------------------------------------------------------

template <auto Part, auto Member>
Result<> part_text(ConfValues& values, std::string_view value) {
  (values.*Part).*Member = std::string(value);
  return {};
}

template <auto Part, auto Member>
Result<> part_flag(ConfValues& values, std::string_view value) {
  if (!value.empty()) {
    GEMINGA_TRY((values.*Part).*Member, truth(value));
  }
  return {};
}

template <auto Part, auto Member>
Result<> part_names(ConfValues& values, std::string_view value) {
  (values.*Part).*Member = names_in(value);
  return {};
}

template <auto Part, auto Member, std::int64_t Min, std::int64_t Max>
Result<> part_number(ConfValues& values, std::string_view value) {
  using Target = std::remove_reference_t<decltype((values.*Part).*Member)>;
  if (value.empty()) return {};
  GEMINGA_TRY(const std::int64_t number, whole_number(value, Min, Max));
  (values.*Part).*Member = Target(number);
  return {};
}

/// 0 is no limit, which is the default here already.
template <auto Member>
Result<> limit(ConfValues& values, std::string_view value) {
  if (value.empty()) return {};
  auto& target = values.embedded.default_policies.*Member;
  using Target = typename std::remove_reference_t<decltype(target)>::value_type;
  GEMINGA_TRY(const std::int64_t number, whole_number(value, -1, std::numeric_limits<std::int32_t>::max()));
  target = number <= 0 ? std::nullopt : std::optional(Target(number));
  return {};
}
template <auto Member>
Result<> wide_limit(ConfValues& values, std::string_view value) {
  if (value.empty()) return {};
  GEMINGA_TRY(const std::int64_t number, whole_number(value, -1, std::numeric_limits<std::int64_t>::max()));
  values.embedded.default_policies.*Member =
      number <= 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(number));
  return {};
}

/// 0 is no limit.
template <auto Member>
Result<> unacked(ConfValues& values, std::string_view value) {
  if (value.empty()) return {};
  GEMINGA_TRY(const std::int64_t number, whole_number(value, 0, std::numeric_limits<std::int32_t>::max()));
  values.embedded.*Member =
      number == 0 ? std::numeric_limits<std::uint64_t>::max() : static_cast<std::uint64_t>(number);
  return {};
}

// --- keys of their own kind -------------------------------------------------------------------------------

/// GB may have a fraction; negative: no limit, and less than one byte too.
Result<> quota_gigabytes(ConfValues& values, std::string_view value);
/// The same in bytes; where both have one, this one counts.
Result<> quota_bytes(ConfValues& values, std::string_view value);
Result<> quota_action(ConfValues& values, std::string_view value);
Result<> providers(ConfValues& values, std::string_view value);
Result<> authorization_provider(ConfValues& values, std::string_view value);
/// 0: as many as without the key.
Result<> connections(ConfValues& values, std::string_view value);
/// Only TLS 1.2 and 1.3 are spoken. A list with neither, or with 1.2 left out, is kept to.
Result<> tls_protocols(ConfValues& values, std::string_view value);
Result<> retention_minutes(ConfValues& values, std::string_view value);
Result<> retention_megabytes(ConfValues& values, std::string_view value);

}  // namespace geminga::cli::conf
