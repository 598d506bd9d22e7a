#include "orchestrator/services/retry_policy.hpp"

#include <gtest/gtest.h>

namespace geminga::orchestrator {
namespace {

struct Row {
  const char* name;
  RetryQuestion question;
  Action expected;
};

mcp::ToolAnnotations read_only() {
  mcp::ToolAnnotations annotations;
  annotations.read_only = true;
  return annotations;
}
mcp::ToolAnnotations idempotent() {
  mcp::ToolAnnotations annotations;
  annotations.idempotent = true;
  return annotations;
}
mcp::ToolAnnotations destructive() {
  mcp::ToolAnnotations annotations;
  annotations.destructive = true;
  return annotations;
}

RetryQuestion about(Outcome outcome, std::uint32_t attempt = 0, mcp::ToolAnnotations annotations = {},
                    mcp::RetryPolicy policy = mcp::RetryPolicy::retry_unknown,
                    bool retry_tool_errors = false) {
  RetryQuestion question;
  question.outcome = outcome;
  question.attempt = attempt;
  question.annotations = annotations;
  question.policy = policy;
  question.retry_tool_errors = retry_tool_errors;
  return question;
}

TEST(RetryPolicyTest, TheTable) {
  using mcp::RetryPolicy;
  const Row rows[] = {
      {"answer", about(Outcome::ok), Action::complete},
      {"not sent, first", about(Outcome::not_executed, 0), Action::retry},
      {"not sent, second", about(Outcome::not_executed, 1), Action::retry},
      {"not sent, last", about(Outcome::not_executed, 2), Action::fail_dead_letter},
      {"not sent, destructive: it did not run", about(Outcome::not_executed, 0, destructive()),
       Action::retry},
      {"not sent, never: it did not run", about(Outcome::not_executed, 0, {}, RetryPolicy::never),
       Action::retry},
      {"final", about(Outcome::final), Action::fail},
      {"cancelled", about(Outcome::cancelled), Action::fail},
      {"limited", about(Outcome::limited, 2), Action::hand_back},
      {"unknown, no annotation", about(Outcome::outcome_unknown), Action::retry},
      {"unknown, no annotation, last", about(Outcome::outcome_unknown, 2), Action::fail_dead_letter},
      {"unknown, read only", about(Outcome::outcome_unknown, 0, read_only()), Action::retry},
      {"unknown, idempotent", about(Outcome::outcome_unknown, 1, idempotent()), Action::retry},
      {"unknown, destructive", about(Outcome::outcome_unknown, 0, destructive()), Action::fail_dead_letter},
      {"unknown, destructive, always", about(Outcome::outcome_unknown, 0, destructive(), RetryPolicy::always),
       Action::retry},
      {"unknown, read only, never", about(Outcome::outcome_unknown, 0, read_only(), RetryPolicy::never),
       Action::fail_dead_letter},
      {"isError", about(Outcome::tool_error), Action::fail},
      {"isError, retried by setting", about(Outcome::tool_error, 0, {}, RetryPolicy::retry_unknown, true),
       Action::retry},
      {"isError, retried by setting, last",
       about(Outcome::tool_error, 2, {}, RetryPolicy::retry_unknown, true), Action::fail_dead_letter},
      {"anything else", about(Outcome::unknown_error), Action::retry},
      {"anything else, last", about(Outcome::unknown_error, 2), Action::fail_dead_letter},
  };
  for (const auto& row : rows) EXPECT_EQ(decide(row.question), row.expected) << row.name;
}

TEST(RetryPolicyTest, ADestructiveToolThatOnlyReadsIsRepeated) {
  auto annotations = destructive();
  annotations.read_only = true;
  EXPECT_EQ(decide(about(Outcome::outcome_unknown, 0, annotations)), Action::retry);
}

TEST(RetryPolicyTest, OneAttemptMeansNoRetry) {
  auto question = about(Outcome::not_executed);
  question.max_attempts = 1;
  EXPECT_EQ(decide(question), Action::fail_dead_letter);
}

}  // namespace
}  // namespace geminga::orchestrator
