#include "storage/log.hpp"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fault_file_system.hpp"
#include "storage/testing.hpp"

namespace geminga::storage {
namespace {

using testing::append_of;
using testing::commit;
using ::testing::ElementsAre;
using testing::publish;
using testing::read_all;

constexpr TopicId kTopic{7};
constexpr TopicId kOther{9};
constexpr SubscriptionId kSubscription{70};

class LogTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Log>> open() {
    return Log::open(base::FileSystem::system(), base::Clock::system(), options(), {kTopic, kOther}, {},
                     listener_);
  }
  LogOptions options() const {
    return {.directory = directory_.path(),
            .directory_uuid = testing::kUuid,
            .journal_file_bytes = 256 << 10,
            .unsafe = {}};
  }

  testing::TemporaryDirectory directory_;
  testing::RecordingListener listener_;
};

TEST_F(LogTest, GivesIdsWithoutGapAndReadsThemBack) {
  auto log = open().value();
  for (int i = 0; i < 5; ++i) {
    const Receipt receipt = publish(*log, kTopic, "body " + std::to_string(i)).value();
    ASSERT_EQ(receipt.appended.size(), 1U);
    EXPECT_EQ(receipt.appended[0].entry.value, static_cast<std::uint64_t>(i));
    EXPECT_EQ(receipt.appended[0].message_index, static_cast<std::uint64_t>(i));
    EXPECT_EQ(receipt.appended[0].ledger.value, 1U);
  }
  EXPECT_EQ(publish(*log, kOther, "elsewhere").value().appended[0].ledger.value, 2U);
  EXPECT_THAT(read_all(*log, kTopic).value(), ElementsAre("body 0", "body 1", "body 2", "body 3", "body 4"));
  EXPECT_THAT(read_all(*log, kTopic, EntryId{3}).value(), ElementsAre("body 3", "body 4"));
  EXPECT_EQ(listener_.bodies().size(), 6U);
}

TEST_F(LogTest, BytesThatLieElsewhereAreCopiedAndLetGo) {
  auto log = open().value();
  const auto place = std::make_shared<std::string>("one and two");
  const auto lying = [&](std::size_t at, std::size_t size) {
    Append append = append_of(kTopic, "");
    append.lying = std::string_view(*place).substr(at, size);
    append.owner = place;
    append.body_crc = base::crc32c(append.lying);
    return append;
  };
  std::vector<Operation> step;
  step.emplace_back(lying(0, 3));
  step.emplace_back(append_of(kTopic, "of its own"));
  step.emplace_back(lying(8, 3));
  const Receipt receipt = commit(*log, std::move(step)).value();
  EXPECT_EQ(receipt.appended[2].body_bytes, 3U);
  ASSERT_TRUE(publish(*log, kTopic, "behind"));  // the group of those is over
  EXPECT_EQ(place.use_count(), 1);
  *place = "something";
  EXPECT_THAT(read_all(*log, kTopic).value(), ElementsAre("one", "of its own", "two", "behind"));
}

TEST_F(LogTest, ASealedTopicTakesNoAppendsAndEverythingElse) {
  auto log = open().value();
  ASSERT_TRUE(publish(*log, kTopic, "before"));
  log->seal(kTopic, true);
  log->seal(kOther, true);
  EXPECT_EQ(publish(*log, kTopic, "after").error().code, ErrorCode::topic_terminated);
  EXPECT_EQ(publish(*log, kOther, "first").error().code, ErrorCode::topic_terminated)
      << "also where there was no record yet";
  EXPECT_TRUE(commit(*log, {SetCursorToEnd{.topic = kTopic, .subscription = kSubscription}}));
  log->seal(kTopic, false);
  EXPECT_TRUE(publish(*log, kTopic, "again"));
  EXPECT_THAT(read_all(*log, kTopic).value(), ElementsAre("before", "again"));
}

TEST_F(LogTest, FindsEverythingAgainAfterARestart) {
  {
    auto log = open().value();
    std::vector<Operation> step;
    step.emplace_back(append_of(kTopic, "one"));
    step.emplace_back(append_of(kOther, "two"));
    step.emplace_back(SetCursorToEnd{.topic = kTopic, .subscription = kSubscription});
    step.emplace_back(append_of(kTopic, "three"));
    const Receipt receipt = commit(*log, std::move(step)).value();
    EXPECT_THAT(receipt.cursors, ElementsAre(EntryId{1}));
    std::vector<Operation> acknowledgement;
    acknowledgement.emplace_back(Acknowledge{
        .topic = kTopic, .subscription = kSubscription, .ranges = {{EntryId{3}, EntryId{5}}}, .batches = {}});
    ASSERT_TRUE(commit(*log, std::move(acknowledgement)));
  }
  auto log = open().value();
  const TopicState state = log->state(kTopic).value();
  EXPECT_EQ(state.next.value, 2U);
  EXPECT_EQ(state.next_index, 2U);
  EXPECT_EQ(state.cursors.at(kSubscription).next.value, 1U);
  EXPECT_THAT(state.cursors.at(kSubscription).acknowledged, ElementsAre(EntryRange{EntryId{3}, EntryId{5}}));
  EXPECT_THAT(read_all(*log, kTopic).value(), ElementsAre("one", "three"));
  EXPECT_EQ(publish(*log, kTopic, "four").value().appended[0].entry.value, 2U);
  EXPECT_EQ(publish(*log, kOther, "five").value().appended[0].ledger.value, 2U);
}

TEST_F(LogTest, FillsManyJournalFiles) {
  const std::string body(10'000, 'x');
  {
    auto log = open().value();
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(publish(*log, kTopic, body));
  }
  auto log = open().value();
  EXPECT_EQ(log->state(kTopic).value().next.value, 200U);
  EXPECT_EQ(read_all(*log, kTopic).value().size(), 200U);
}

TEST_F(LogTest, RefusesARecordOfATopicThatTheMetadataDoesNotKnow) {
  {
    ASSERT_TRUE(publish(*open().value(), kTopic, "x"));
  }
  auto log = Log::open(base::FileSystem::system(), base::Clock::system(), options(), {kOther}, {}, listener_);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::corrupted);
  EXPECT_THAT(log.error().message, ::testing::HasSubstr("metadata older than the log"));
}

TEST_F(LogTest, SkipsRecordsOfATombstonedTopic) {
  {
    auto log = open().value();
    ASSERT_TRUE(publish(*log, kTopic, "x"));
    ASSERT_TRUE(publish(*log, kOther, "y"));
  }
  auto log =
      Log::open(base::FileSystem::system(), base::Clock::system(), options(), {kOther}, {kTopic}, listener_)
          .value();
  EXPECT_EQ(log->state(kTopic).error().code, ErrorCode::topic_not_found);
  EXPECT_THAT(read_all(*log, kOther).value(), ElementsAre("y"));
  EXPECT_EQ(publish(*log, kTopic, "late").error().code, ErrorCode::topic_not_found);
}

TEST_F(LogTest, GivesTheLedgerOfATombstonedTopicToNoOther) {
  base::FaultFileSystem files;
  std::unique_ptr<base::FaultFileSystem> killed;
  LedgerId gone;
  {
    auto log = Log::open(files, base::Clock::system(), options(), {kTopic}, {}, listener_).value();
    gone = publish(*log, kTopic, "x").value().appended.at(0).ledger;
    killed = files.crash(base::FaultFileSystem::Loss::nothing, 0);
  }
  auto log = Log::open(*killed, base::Clock::system(), options(), {kOther}, {kTopic}, listener_).value();
  EXPECT_GT(publish(*log, kOther, "y").value().appended.at(0).ledger, gone);
}

TEST_F(LogTest, RefusesWhatCanNeverBeWritten) {
  auto log = open().value();
  Append lie = append_of(kTopic, "abc");
  lie.message_count = kEntryMessagesMax + 1;
  std::vector<Operation> operations;
  operations.emplace_back(lie);
  EXPECT_EQ(commit(*log, std::move(operations)).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(publish(*log, kTopic, "abc").value().appended[0].entry.value, 0U);
}

TEST_F(LogTest, WhatSharesAGroupWithTheDropOfItsTopicGoesWithIt) {
  auto log = open().value();
  std::promise<Result<Receipt>> appended;
  std::promise<Result<Receipt>> moved;
  std::promise<Result<Receipt>> dropped;
  const auto submit = [&](Operation operation, std::promise<Result<Receipt>>& answer) {
    Transaction transaction;
    transaction.operations.push_back(std::move(operation));
    transaction.done = [&answer](Result<Receipt> receipt) { answer.set_value(std::move(receipt)); };
    log->submit(std::move(transaction));
  };
  // On the journal thread, so that the next group takes all of them.
  Transaction first;
  first.operations.emplace_back(append_of(kTopic, "first"));
  first.done = [&](const Result<Receipt>&) {
    submit(append_of(kTopic, "second"), appended);
    submit(SetCursorToEnd{.topic = kTopic, .subscription = SubscriptionId{9}}, moved);
    submit(DropTopic{.topic = kTopic}, dropped);
  };
  log->submit(std::move(first));
  EXPECT_EQ(appended.get_future().get().value().appended.at(0).entry, EntryId{1});
  EXPECT_EQ(moved.get_future().get().value().cursors.at(0), EntryId{2});
  EXPECT_TRUE(dropped.get_future().get());
  EXPECT_FALSE(log->state(kTopic));
}

TEST_F(LogTest, AnswersClosedAfterClose) {
  auto log = open().value();
  ASSERT_TRUE(log->close());
  ASSERT_TRUE(log->close());
  EXPECT_EQ(publish(*log, kTopic, "late").error().code, ErrorCode::closed);
}

}  // namespace
}  // namespace geminga::storage
