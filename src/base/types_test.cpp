#include <gtest/gtest.h>

#include <geminga/types.hpp>

namespace geminga {
namespace {

TEST(MessageId, TextFormRoundTrips) {
  const MessageId plain{.ledger = {12}, .entry = {34}};
  EXPECT_EQ(plain.to_string(), "12:34:-1");
  EXPECT_EQ(MessageId::parse("12:34:-1").value(), plain);
  EXPECT_EQ(MessageId::parse("12:34").value(), plain);
  const MessageId batch{.ledger = {1}, .entry = {2}, .partition = 3, .batch_index = 4};
  EXPECT_EQ(MessageId::parse(batch.to_string()).value(), batch);
}

TEST(MessageId, RefusesWhatIsNoId) {
  for (const char* text : {"", "12", "12:", "a:b", "1:2:3:4:5", "1:2:", "-1:2", "1:2x"}) {
    const auto result = MessageId::parse(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, ErrorCode::parse_error) << text;
  }
}

TEST(MessageId, OrdersByLedgerThenEntry) {
  EXPECT_LT((MessageId{.ledger = {1}, .entry = {9}}), (MessageId{.ledger = {2}, .entry = {0}}));
  EXPECT_LT((MessageId{.ledger = {2}, .entry = {0}}), (MessageId{.ledger = {2}, .entry = {1}}));
}

TEST(ErrorTable, EveryCodeHasItsRow) {
  EXPECT_EQ(error_info(ErrorCode::disk_error).name, "disk_error");
  EXPECT_TRUE(error_info(ErrorCode::disk_full).retryable);
  EXPECT_FALSE(error_info(ErrorCode::outcome_unknown).retryable);
  EXPECT_EQ((Error{ErrorCode::timeout, "late"}).with("call").message, "call: late");
}

}  // namespace
}  // namespace geminga
