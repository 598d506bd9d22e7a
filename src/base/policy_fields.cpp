#include "base/policy_fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/try.hpp"

namespace geminga::base {
namespace {

// In the order of BacklogAction, of DelayOnOrdered and of SchemaCompatibility.
constexpr std::array<std::string_view, 3> kActions = {"producer_request_hold", "producer_exception",
                                                      "consumer_backlog_eviction"};
constexpr std::array<std::string_view, 2> kDelays = {"deliver", "hold"};
constexpr std::array<std::string_view, 8> kStrategies = {
    "always_incompatible", "always_compatible",  "backward",       "forward", "full",
    "backward_transitive", "forward_transitive", "full_transitive"};
constexpr std::array<std::string_view, 2> kSwitch = {"false", "true"};

// A hundred years; a sum with a point in time stays far from its end.
constexpr std::uint64_t kSecondsMax = 100ULL * 366 * 24 * 3600;

constexpr std::string_view kDurabilityName = "durability";
constexpr std::uint64_t kAsyncMax = 60'000;  // ms

std::uint64_t number_of(std::chrono::seconds value) {
  return static_cast<std::uint64_t>(value.count());
}
std::uint64_t number_of(BacklogAction value) {
  return static_cast<std::uint64_t>(value);
}
std::uint64_t number_of(DelayOnOrdered value) {
  return static_cast<std::uint64_t>(value);
}
std::uint64_t number_of(SchemaCompatibility value) {
  return static_cast<std::uint64_t>(value);
}
std::uint64_t number_of(Durability value) {
  return static_cast<std::uint64_t>(value.async_within.count());
}
std::uint64_t number_of(std::uint64_t value) {
  return value;
}

bool take(std::uint64_t number, std::chrono::seconds& value) {
  value = std::chrono::seconds(std::min(number, kSecondsMax));
  return number <= kSecondsMax;
}
bool take(std::uint64_t number, BacklogAction& value) {
  value = static_cast<BacklogAction>(number);
  return number < kActions.size();
}
bool take(std::uint64_t number, DelayOnOrdered& value) {
  value = static_cast<DelayOnOrdered>(number);
  return number < kDelays.size();
}
bool take(std::uint64_t number, SchemaCompatibility& value) {
  value = static_cast<SchemaCompatibility>(number);
  return number < kStrategies.size();
}
bool take(std::uint64_t number, bool& value) {
  value = number != 0;
  return number < kSwitch.size();
}
bool take(std::uint64_t number, Durability& value) {
  value.async_within = std::chrono::milliseconds(std::min(number, kAsyncMax));
  return number <= kAsyncMax;
}
bool take(std::uint64_t number, std::uint32_t& value) {
  value = static_cast<std::uint32_t>(number);
  return number <= std::numeric_limits<std::uint32_t>::max();
}
bool take(std::uint64_t number, std::uint64_t& value) {
  value = number;
  return number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
}

}  // namespace

PolicyValues to_values(const Policies& policies) {
  PolicyValues values;
  each_policy(policies, [&](const char* name, const auto& field) {
    if (field) values.emplace(name, number_of(*field));
  });
  return values;
}

Result<Policies> to_policies(const PolicyValues& values) {
  Policies policies;
  std::set<std::string> known;
  std::string refused;
  each_policy(policies, [&](const char* name, auto& field) {
    known.insert(name);
    const auto found = values.find(name);
    if (found == values.end()) return;
    field.emplace();
    if (!take(found->second, *field)) refused = fmt::format("{} of {} is out of range", name, found->second);
  });
  if (!refused.empty()) return fail(ErrorCode::invalid_argument, refused);
  for (const auto& [name, value] : values) {
    if (!known.contains(name))
      return fail(ErrorCode::invalid_argument,
                  fmt::format("no policy '{}'; there are: {}", name, fmt::join(known, ", ")));
  }
  return policies;
}

Policies merged(Policies own, const Policies& wider) {
  PolicyValues values = to_values(own);
  values.merge(to_values(wider));
  return to_policies(values).value_or(std::move(own));
}

std::string to_string(Durability durability) {
  if (durability == Durability{}) return "sync";
  return fmt::format("async({})", durability.async_within.count());
}

namespace {

/// A value's number is its place; empty: the policy has none.
std::span<const std::string_view> names_of_values(std::string_view policy) {
  if (policy == "backlog_action") return kActions;
  if (policy == "delay_on_ordered") return kDelays;
  if (policy == "schema_compatibility") return kStrategies;
  if (policy == "schema_auto_update" || policy == "schema_validation_enforced") return kSwitch;
  if (policy == "deduplication") return kSwitch;
  return {};
}

Result<std::uint64_t> parse_name(std::string_view policy, std::string_view text) {
  const auto names = names_of_values(policy);
  const auto found = std::ranges::find(names, text);
  if (found != names.end()) return static_cast<std::uint64_t>(found - names.begin());
  return fail(ErrorCode::invalid_argument,
              fmt::format("'{}' is no value of {}; there are: {}", text, policy, fmt::join(names, ", ")));
}

Result<std::uint64_t> parse_durability(std::string_view text) {
  constexpr std::string_view kBegin = "async(";
  if (text == "sync") return 0;
  std::uint64_t number = 0;
  if (text.starts_with(kBegin) && text.ends_with(')')) {
    const std::string_view digits = text.substr(kBegin.size(), text.size() - kBegin.size() - 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool whole = error == std::errc() && end == digits.data() + digits.size();
    if (whole && number >= 1 && number <= kAsyncMax) return number;
  }
  return fail(ErrorCode::invalid_argument,
              fmt::format("'{}' is no durability; there are: sync, and async(N) with 1 to {} milliseconds",
                          text, kAsyncMax));
}

}  // namespace

bool is_word(std::string_view policy) {
  return policy == kDurabilityName || !names_of_values(policy).empty();
}

std::string to_word(std::string_view policy, std::uint64_t number) {
  if (policy == kDurabilityName) return to_string(Durability{std::chrono::milliseconds(number)});
  return std::string(names_of_values(policy)[number]);
}

Result<std::uint64_t> parse_word(std::string_view policy, std::string_view text) {
  return policy == kDurabilityName ? parse_durability(text) : parse_name(policy, text);
}

}  // namespace geminga::base
