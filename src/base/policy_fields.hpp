#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <geminga/error.hpp>
#include <geminga/policies.hpp>

/// The fields of Policies by name, each as one number: how they are stored, sent and shown. A field is added
/// in one place, here.
namespace geminga::base {

/// Only the fields that are set.
using PolicyValues = std::map<std::string, std::uint64_t>;

/// Calls with the name and the field of each, in the order of Policies.
template <class P, class Visit>
void each_policy(P& policies, Visit visit) {
  visit("message_ttl_seconds", policies.message_ttl);
  visit("backlog_bytes", policies.backlog_bytes);
  visit("backlog_age_seconds", policies.backlog_age);
  visit("backlog_action", policies.backlog_action);
  visit("inactive_after_seconds", policies.inactive_after);
  visit("compaction_threshold_bytes", policies.compaction_threshold_bytes);
  visit("publish_messages_per_second", policies.publish_messages_per_second);
  visit("publish_bytes_per_second", policies.publish_bytes_per_second);
  visit("dispatch_messages_per_second", policies.dispatch_messages_per_second);
  visit("dispatch_bytes_per_second", policies.dispatch_bytes_per_second);
  visit("delay_on_ordered", policies.delay_on_ordered);
  visit("max_producers", policies.max_producers);
  visit("max_consumers", policies.max_consumers);
  visit("max_subscriptions", policies.max_subscriptions);
  visit("durability", policies.durability);
  visit("schema_compatibility", policies.schema_compatibility);
  visit("schema_auto_update", policies.schema_auto_update);
  visit("schema_validation_enforced", policies.schema_validation_enforced);
  visit("deduplication", policies.deduplication);
}

PolicyValues to_values(const Policies& policies);
/// Errors: invalid_argument (unknown name, number out of range).
Result<Policies> to_policies(const PolicyValues& values);
/// What `own` does not set is taken from `wider`.
Policies merged(Policies own, const Policies& wider);

/// "sync" or "async(N)".
std::string to_string(Durability durability);

/// Whether people write a word for this policy, not a number.
bool is_word(std::string_view policy);
/// How a number of PolicyValues is written then.
std::string to_word(std::string_view policy, std::uint64_t number);
/// Errors: invalid_argument, with what there is.
Result<std::uint64_t> parse_word(std::string_view policy, std::string_view text);

}  // namespace geminga::base
