#include "bus/pending_sends.hpp"

#include <future>
#include <optional>

#include <gtest/gtest.h>

namespace geminga::bus {
namespace {

using namespace std::chrono_literals;

class PendingSendsTest : public ::testing::Test {
 protected:
  std::shared_ptr<PendingSends> make(PendingSends::Limits limits) {
    return std::make_shared<PendingSends>(limits, clock_);
  }
  /// Begins one; its answer lands in `answers_`.
  Result<PendingSends::Begun> begin(PendingSends& sends, std::uint64_t bytes = 1) {
    Done<MessageId> done = [this](Result<MessageId> answer) { answers_.push_back(std::move(answer)); };
    return sends.begin(bytes, done);
  }
  base::ManualClock clock_;
  std::vector<Result<MessageId>> answers_;
};

TEST_F(PendingSendsTest, EachIsAnsweredOnce) {
  const auto sends = make({});
  const auto begun = begin(*sends).value();
  EXPECT_TRUE(begun.first);
  EXPECT_FALSE(begin(*sends).value().first);
  sends->finish(begun.ticket, MessageId{});
  sends->finish(begun.ticket, MessageId{});
  EXPECT_EQ(answers_.size(), 1U);
  sends->abandon();
  EXPECT_EQ(answers_.size(), 2U);
  EXPECT_EQ(answers_[1].error().code, ErrorCode::closed);
}

TEST_F(PendingSendsTest, LimitsOfMessagesAndBytes) {
  const auto sends = make({.messages_max = 2, .bytes_max = 10, .block_if_full = false});
  const auto big = begin(*sends, 100).value();  // the first always fits
  EXPECT_EQ(begin(*sends, 1).error().code, ErrorCode::queue_full);
  sends->finish(big.ticket, MessageId{});
  const auto first = begin(*sends, 1).value();
  EXPECT_TRUE(begin(*sends, 1));
  EXPECT_EQ(begin(*sends, 1).error().code, ErrorCode::queue_full);
  sends->finish(first.ticket, MessageId{});
  EXPECT_TRUE(begin(*sends, 1));
}

TEST_F(PendingSendsTest, WithoutAReceiptItTimesOutInOrder) {
  const auto sends = make({.send_timeout = 1s});
  const auto first = begin(*sends).value();
  clock_.advance(500ms);
  const auto second = begin(*sends).value();
  EXPECT_EQ(sends->expire(), first.ticket->deadline);
  clock_.advance(500ms);
  EXPECT_EQ(sends->expire(), second.ticket->deadline);
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].error().code, ErrorCode::timeout);
  sends->finish(first.ticket, MessageId{});  // the receipt comes after all
  EXPECT_EQ(answers_.size(), 1U);
  clock_.advance(1s);
  EXPECT_FALSE(sends->expire());
  EXPECT_EQ(answers_.size(), 2U);
}

TEST_F(PendingSendsTest, OneWatchIsEnoughHoweverManyComeAndGo) {
  const auto sends = make({.send_timeout = 1s});
  for (const bool first : {true, false, false}) {
    const auto begun = begin(*sends).value();
    EXPECT_EQ(begun.first, first);
    sends->finish(begun.ticket, MessageId{});
  }
  clock_.advance(1s);
  EXPECT_FALSE(sends->expire());
  EXPECT_TRUE(begin(*sends).value().first);
}

TEST_F(PendingSendsTest, ATimeOutMayBeForEver) {
  const auto sends = make({.send_timeout = std::chrono::milliseconds::max()});
  ASSERT_TRUE(begin(*sends));
  EXPECT_EQ(sends->expire(), base::MonotonicTime::max());
}

TEST_F(PendingSendsTest, BlocksUntilThereIsRoom) {
  const auto sends =
      std::make_shared<PendingSends>(PendingSends::Limits{.messages_max = 1}, base::Clock::system());
  const auto first = begin(*sends).value();
  auto second = std::async(std::launch::async, [&] { return begin(*sends).has_value(); });
  EXPECT_EQ(second.wait_for(50ms), std::future_status::timeout);
  sends->finish(first.ticket, MessageId{});
  EXPECT_TRUE(second.get());
}

TEST_F(PendingSendsTest, CloseWakesWhoWaitsForRoom) {
  const auto sends =
      std::make_shared<PendingSends>(PendingSends::Limits{.messages_max = 1}, base::Clock::system());
  ASSERT_TRUE(begin(*sends));
  auto second = std::async(std::launch::async, [&] { return begin(*sends).error().code; });
  sends->close();
  EXPECT_EQ(second.get(), ErrorCode::closed);
}

TEST_F(PendingSendsTest, AFlushWaitsForWhatWasBegunBefore) {
  const auto sends = std::make_shared<PendingSends>(PendingSends::Limits{}, base::Clock::system());
  const auto first = begin(*sends).value();
  auto flushed = std::async(std::launch::async, [&] { sends->wait_for_answers(); });
  EXPECT_EQ(flushed.wait_for(50ms), std::future_status::timeout);
  sends->finish(first.ticket, MessageId{});
  EXPECT_EQ(flushed.wait_for(20s), std::future_status::ready);
}

}  // namespace
}  // namespace geminga::bus
