#include "bus/pending_sends.hpp"

#include <future>
#include <optional>

#include <gtest/gtest.h>

namespace geminga::bus {
namespace {

using namespace std::chrono_literals;

class PendingSendsTest : public ::testing::Test {
 protected:
  using Where = PendingSends::Where;

  std::shared_ptr<PendingSends> make(PendingSends::Limits limits) {
    return std::make_shared<PendingSends>(limits, clock_, [this](base::Task task) {
      ++posts_;
      task();
    });
  }
  std::shared_ptr<PendingSends> make_with_room_for_one() {
    return std::make_shared<PendingSends>(PendingSends::Limits{.messages_max = 1}, base::Clock::system(),
                                          [](base::Task task) { task(); });
  }
  /// Begins one; its answer lands in `answers_`.
  Result<std::optional<PendingSends::Begun>> try_begin(PendingSends& sends, std::uint64_t bytes = 1,
                                                       Where where = Where::here) {
    Done<MessageId> done = [this](Result<MessageId> answer) { answers_.push_back(std::move(answer)); };
    return sends.begin(bytes, sends.deadline(), done, where);
  }
  PendingSends::Begun begin(PendingSends& sends, std::uint64_t bytes = 1, Where where = Where::here) {
    return try_begin(sends, bytes, where).value().value();
  }
  static void answer(PendingSends& sends, std::vector<std::uint64_t> tags) {
    std::vector<SendAnswer> answers;
    for (const std::uint64_t tag : tags)
      answers.push_back({tag, MessageId{.ledger = {}, .entry = EntryId{tag}}});
    sends.on_answers(std::move(answers));
  }
  base::ManualClock clock_;
  std::vector<Result<MessageId>> answers_;
  int posts_ = 0;
};

TEST_F(PendingSendsTest, EachIsAnsweredOnce) {
  const auto sends = make({});
  const auto first = begin(*sends);
  begin(*sends);
  answer(*sends, {first.tag});
  answer(*sends, {first.tag});
  EXPECT_EQ(answers_.size(), 1U);
  sends->abandon();
  EXPECT_EQ(answers_.size(), 2U);
  EXPECT_EQ(answers_[1].error().code, ErrorCode::closed);
}

TEST_F(PendingSendsTest, AnswersOfOneCallArePostedOnceAndInOrder) {
  const auto sends = make({});
  const std::uint64_t a = begin(*sends, 1, Where::posted).tag;
  const std::uint64_t b = begin(*sends, 1, Where::posted).tag;
  const std::uint64_t c = begin(*sends, 1, Where::posted).tag;
  answer(*sends, {a, b, c});
  EXPECT_EQ(posts_, 1);
  ASSERT_EQ(answers_.size(), 3U);
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_EQ(answers_[i].value().entry.value, a + i);
  answer(*sends, {begin(*sends, 1, Where::here).tag});
  EXPECT_EQ(posts_, 1);
}

TEST_F(PendingSendsTest, AnswersInAnyOrder) {
  const auto sends = make({.messages_max = 3, .block_if_full = false});
  const std::uint64_t a = begin(*sends).tag;
  const std::uint64_t b = begin(*sends).tag;
  const std::uint64_t c = begin(*sends).tag;
  answer(*sends, {c, b});
  EXPECT_EQ(answers_.size(), 2U);
  const std::uint64_t d = begin(*sends).tag;  // there is room again though the first has none yet
  answer(*sends, {a, c, d});
  EXPECT_EQ(answers_.size(), 4U);
}

TEST_F(PendingSendsTest, OneTimerForAll) {
  const auto sends = make({.send_timeout = 1s});
  EXPECT_TRUE(begin(*sends).arm);
  EXPECT_FALSE(begin(*sends).arm);
  answer(*sends, {0, 1});
  EXPECT_FALSE(begin(*sends).arm);
  answer(*sends, {2});
  EXPECT_FALSE(sends->expire());
  EXPECT_TRUE(begin(*sends).arm);
}

TEST_F(PendingSendsTest, LimitsOfMessagesAndBytes) {
  const auto sends = make({.messages_max = 2, .bytes_max = 10, .block_if_full = false});
  const auto big = begin(*sends, 100);  // the first always fits
  EXPECT_EQ(try_begin(*sends, 1).error().code, ErrorCode::queue_full);
  answer(*sends, {big.tag});
  const auto first = begin(*sends, 1);
  EXPECT_TRUE(try_begin(*sends, 1));
  EXPECT_EQ(try_begin(*sends, 1).error().code, ErrorCode::queue_full);
  answer(*sends, {first.tag});
  EXPECT_TRUE(try_begin(*sends, 1));
}

TEST_F(PendingSendsTest, WithoutAReceiptItTimesOutInOrder) {
  const auto sends = make({.send_timeout = 1s});
  const auto first_deadline = sends->deadline();
  const auto first = begin(*sends);
  clock_.advance(500ms);
  const auto second_deadline = sends->deadline();
  begin(*sends);
  EXPECT_EQ(sends->expire(), first_deadline);
  clock_.advance(500ms);
  EXPECT_EQ(sends->expire(), second_deadline);
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].error().code, ErrorCode::timeout);
  answer(*sends, {first.tag});  // the receipt comes after all
  EXPECT_EQ(answers_.size(), 1U);
  clock_.advance(1s);
  EXPECT_FALSE(sends->expire());
  EXPECT_EQ(answers_.size(), 2U);
}

TEST_F(PendingSendsTest, ATimeOutMayBeForEver) {
  const auto sends = make({.send_timeout = std::chrono::milliseconds::max()});
  begin(*sends);
  EXPECT_EQ(sends->expire(), base::MonotonicTime::max());
}

TEST_F(PendingSendsTest, WaitsUntilThereIsRoom) {
  const auto sends = make_with_room_for_one();
  const auto first = begin(*sends);
  EXPECT_EQ(try_begin(*sends).value(), std::nullopt);
  auto room =
      std::async(std::launch::async, [&] { return sends->wait_for_room(1, sends->deadline()).has_value(); });
  EXPECT_EQ(room.wait_for(50ms), std::future_status::timeout);
  answer(*sends, {first.tag});
  EXPECT_TRUE(room.get());
  EXPECT_TRUE(try_begin(*sends).value());
}

TEST_F(PendingSendsTest, EachWaitsForRoomNoLongerThanItsOwnTime) {
  const auto sends = make_with_room_for_one();
  begin(*sends);
  const auto now = base::Clock::system().monotonic_now();
  auto patient = std::async(std::launch::async, [&] { return sends->wait_for_room(1, now + 1h); });
  EXPECT_EQ(sends->wait_for_room(1, now + 20ms).error().code, ErrorCode::timeout);
  sends->close();
  EXPECT_EQ(patient.get().error().code, ErrorCode::closed);
}

TEST_F(PendingSendsTest, CloseEndsBegins) {
  const auto sends = make({});
  begin(*sends);
  sends->close();
  EXPECT_EQ(try_begin(*sends).error().code, ErrorCode::closed);
  EXPECT_TRUE(answers_.empty());
}

TEST_F(PendingSendsTest, AFlushWaitsForWhatWasBegunBefore) {
  const auto sends = std::make_shared<PendingSends>(PendingSends::Limits{}, base::Clock::system(),
                                                    [](base::Task task) { task(); });
  const auto first = begin(*sends);
  auto flushed = std::async(std::launch::async, [&] { sends->wait_for_answers(); });
  EXPECT_EQ(flushed.wait_for(50ms), std::future_status::timeout);
  answer(*sends, {first.tag});
  EXPECT_EQ(flushed.wait_for(20s), std::future_status::ready);
}

}  // namespace
}  // namespace geminga::bus
