#include "base/policy_fields.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/try.hpp"

namespace geminga::base {
namespace {

// In the order of BacklogAction and of DelayOnOrdered.
constexpr std::array<std::string_view, 3> kActions = {"producer_request_hold", "producer_exception",
                                                      "consumer_backlog_eviction"};
constexpr std::array<std::string_view, 2> kDelays = {"deliver", "hold"};

// A hundred years; a sum with a point in time stays far from its end.
constexpr std::uint64_t kSecondsMax = 100ULL * 366 * 24 * 3600;

std::uint64_t number_of(std::chrono::seconds value) {
  return static_cast<std::uint64_t>(value.count());
}
std::uint64_t number_of(BacklogAction value) {
  return static_cast<std::uint64_t>(value);
}
std::uint64_t number_of(DelayOnOrdered value) {
  return static_cast<std::uint64_t>(value);
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

std::span<const std::string_view> names_of_values(std::string_view policy) {
  if (policy == "backlog_action") return kActions;
  if (policy == "delay_on_ordered") return kDelays;
  return {};
}

Result<std::uint64_t> parse_value(std::string_view policy, std::string_view name) {
  const auto names = names_of_values(policy);
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return static_cast<std::uint64_t>(found - names.begin());
  return fail(ErrorCode::invalid_argument,
              fmt::format("'{}' is no value of {}; there are: {}", name, policy, fmt::join(names, ", ")));
}

}  // namespace geminga::base
