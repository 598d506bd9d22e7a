// Topics that answer before the disk does: what is named early, what a crash may take, and what it must not.
#include <map>
#include <random>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fault_file_system.hpp"
#include "storage/log.hpp"
#include "storage/testing.hpp"

namespace geminga::storage {
namespace {

using base::FaultFileSystem;
using Loss = FaultFileSystem::Loss;
using testing::append_of;
using testing::commit;
using ::testing::ElementsAre;
using testing::publish;
using testing::read_all;

constexpr TopicId kTopic{1};  // async in most tests
constexpr TopicId kOther{2};
constexpr TopicId kSync{3};
constexpr SubscriptionId kSubscription{8};
constexpr std::uint64_t kProducer = 7;
constexpr char kDirectory[] = "/data";
constexpr std::chrono::milliseconds kLong = std::chrono::minutes(1);

class LogAsyncTest : public ::testing::Test {
 protected:
  LogAsyncTest() : files_(std::make_unique<FaultFileSystem>()) {
    if (!files_->make_directory(kDirectory)) throw std::runtime_error("no directory");
    if (!files_->sync_directory("/")) throw std::runtime_error("no directory");
  }
  std::unique_ptr<Log> open() {
    auto log = Log::open(*files_, base::Clock::system(), options_, {kTopic, kOther, kSync}, {}, listener_);
    EXPECT_TRUE(log) << log.error().message;
    return std::move(*log);
  }
  /// With kTopic async, and its first entry, "first", durable.
  std::unique_ptr<Log> open_async(std::chrono::milliseconds within = kLong) {
    auto log = open();
    log->set_async(kTopic, within);
    EXPECT_TRUE(publish(*log, kTopic, "first"));
    return log;
  }
  /// The first journal file, the reserve of half a file, and the next one are made: the disk is still until
  /// something is written.
  void wait_until_prepared(const Log& log) const {
    const std::uint64_t prepared = options_.journal_file_bytes * 5 / 2;
    const auto deadline = std::chrono::steady_clock::now() + testing::kDeadline;
    while (log.stats().journal_bytes < prepared && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    ASSERT_GE(log.stats().journal_bytes, prepared);
  }
  /// The log that was open may go on with the disk of the machine that lost its power.
  void crash(Loss loss = Loss::everything, std::uint64_t seed = 0) {
    auto after = files_->crash(loss, seed);
    before_.push_back(std::exchange(files_, std::move(after)));
  }

  LogOptions options_{.directory = kDirectory,
                      .directory_uuid = testing::kUuid,
                      .journal_bytes_max = 1 << 20,
                      .journal_file_bytes = 32 << 10,
                      .memory_table_bytes = 24 << 10,
                      .unsafe = {}};
  std::unique_ptr<FaultFileSystem> files_;
  std::vector<std::unique_ptr<FaultFileSystem>> before_;
  testing::RecordingListener listener_;
};

EntryHeader place(const Result<Receipt>& receipt) {
  return receipt ? receipt->appended.at(0) : EntryHeader{};
}

Append numbered(std::uint64_t sequence) {
  Append append = append_of(kTopic, std::to_string(sequence));
  append.flags = EntryFlags::kDeduplicate;
  append.producer = kProducer;
  append.sequence = sequence;
  return append;
}

Result<Receipt> send(Log& log, Append append) {
  std::vector<Operation> operations;
  operations.emplace_back(std::move(append));
  return commit(log, std::move(operations));
}

TEST_F(LogAsyncTest, AnswersBeforeTheDiskAndShowsNothingBeforeIt) {
  const auto log = open_async();
  const std::uint64_t syncs = log->stats().syncs;
  const EntryHeader second = place(publish(*log, kTopic, "second"));
  EXPECT_EQ(second.entry.value, 1U);
  EXPECT_EQ(place(publish(*log, kTopic, "third")).entry.value, 2U);
  EXPECT_EQ(log->stats().answered_early, 2U);
  EXPECT_EQ(log->stats().syncs, syncs);
  EXPECT_GT(log->stats().publish_budget_used, 0U) << "it counts until it is durable";
  EXPECT_THAT(listener_.bodies(), ElementsAre("first"));
  EXPECT_THAT(read_all(*log, kTopic).value(), ElementsAre("first"));
  EXPECT_EQ(log->state(kTopic)->next.value, 1U);
  // Whoever waits for the disk takes the others along.
  ASSERT_TRUE(publish(*log, kSync, "beside"));
  EXPECT_THAT(listener_.bodies(), ElementsAre("first", "second", "third", "beside"));
  EXPECT_THAT(read_all(*log, kTopic).value(), ElementsAre("first", "second", "third"));
  EXPECT_EQ(log->stats().syncs, syncs + 1);
  EXPECT_EQ(log->stats().publish_budget_used, 0U);
}

TEST_F(LogAsyncTest, TheFirstOneOfALedgerWaitsForTheDisk) {
  const auto log = open();
  log->set_async(kTopic, kLong);
  ASSERT_TRUE(publish(*log, kTopic, "first"));
  EXPECT_EQ(log->stats().answered_early, 0U);
  EXPECT_THAT(read_all(*log, kTopic).value(), ElementsAre("first"));
}

TEST_F(LogAsyncTest, GoesToTheDiskWhenItsTimeIsOver) {
  const auto log = open_async(std::chrono::milliseconds(1));
  ASSERT_TRUE(publish(*log, kTopic, "second"));
  const auto deadline = std::chrono::steady_clock::now() + testing::kDeadline;
  while (read_all(*log, kTopic)->size() < 2 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_THAT(read_all(*log, kTopic).value(), ElementsAre("first", "second"));
}

TEST_F(LogAsyncTest, TheShortestTimeOfAGroupCounts) {
  const auto log = open_async();
  log->set_async(kOther, std::chrono::milliseconds(1));
  ASSERT_TRUE(publish(*log, kOther, "other"));
  ASSERT_TRUE(publish(*log, kTopic, "second"));
  ASSERT_TRUE(publish(*log, kOther, "again"));
  const auto deadline = std::chrono::steady_clock::now() + testing::kDeadline;
  while (read_all(*log, kTopic)->size() < 2 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_EQ(read_all(*log, kTopic)->size(), 2U);
}

TEST_F(LogAsyncTest, WhatHoldsMoreThanAsyncAppendsWaitsForTheDisk) {
  const auto log = open_async();
  std::vector<Operation> cursor;
  cursor.emplace_back(SetCursor{.topic = kSync, .subscription = kSubscription, .next = EntryId{0}});
  ASSERT_TRUE(commit(*log, std::move(cursor)));
  const std::uint64_t early = log->stats().answered_early;
  std::vector<Operation> forward;
  forward.emplace_back(append_of(kTopic, "forwarded"));
  forward.emplace_back(Acknowledge{
      .topic = kSync, .subscription = kSubscription, .ranges = {{EntryId{0}, EntryId{0}}}, .batches = {}});
  ASSERT_TRUE(commit(*log, std::move(forward)));
  std::vector<Operation> both;
  both.emplace_back(append_of(kTopic, "left"));
  both.emplace_back(append_of(kSync, "right"));
  ASSERT_TRUE(commit(*log, std::move(both)));
  EXPECT_EQ(log->stats().answered_early, early);
  crash();
  const auto again = open();
  EXPECT_THAT(read_all(*again, kTopic).value(), ElementsAre("first", "forwarded", "left"));
}

TEST_F(LogAsyncTest, PlacesGoOnBehindThoseThatWereNamedEarly) {
  const auto log = open_async();
  ASSERT_EQ(place(publish(*log, kTopic, "1")).entry.value, 1U);
  std::vector<Operation> both;
  both.emplace_back(append_of(kTopic, "2"));
  both.emplace_back(append_of(kSync, "x"));
  EXPECT_EQ(place(commit(*log, std::move(both))).entry.value, 2U);
  log->set_async(kTopic, std::chrono::milliseconds(0));
  ASSERT_EQ(place(publish(*log, kTopic, "3")).entry.value, 3U);
  EXPECT_THAT(read_all(*log, kTopic).value(), ElementsAre("first", "1", "2", "3"));
  EXPECT_EQ(log->stats().answered_early, 1U);
}

TEST_F(LogAsyncTest, ACleanCloseKeepsAllAndTheLedgerGoesOn) {
  LedgerId ledger;
  {
    const auto log = open_async();
    ledger = place(publish(*log, kTopic, "second")).ledger;
    ASSERT_TRUE(log->close());
  }
  crash();
  const auto log = open();
  EXPECT_THAT(read_all(*log, kTopic).value(), ElementsAre("first", "second"));
  EXPECT_EQ(place(publish(*log, kTopic, "third")).ledger, ledger);
}

TEST_F(LogAsyncTest, AnIdThatACrashTookBackIsNeverGivenAgain) {
  const auto log = open_async();
  ASSERT_TRUE(publish(*log, kSync, "kept"));
  const EntryHeader lost = place(publish(*log, kTopic, "lost"));
  crash();
  const auto again = open();
  EXPECT_THAT(read_all(*again, kTopic).value(), ElementsAre("first"));
  EXPECT_THAT(read_all(*again, kSync).value(), ElementsAre("kept"));
  const Ledgers ledgers = again->state(kTopic)->ledgers;
  EXPECT_EQ(ledgers.of(EntryId{0}), lost.ledger);
  const EntryHeader next = place(publish(*again, kTopic, "next"));
  EXPECT_EQ(next.entry, lost.entry);
  EXPECT_GT(next.ledger, lost.ledger);
  EXPECT_EQ(next.message_index, 1U) << "of what is stored";
  EXPECT_EQ(place(publish(*again, kSync, "more")).ledger.value, 2U) << "a topic that was never async goes on";
  ASSERT_TRUE(again->close());
  crash();
  const auto last = open();
  EXPECT_EQ(last->state(kTopic)->ledgers.of(EntryId{0}), lost.ledger) << "known from the checkpoint too";
  EXPECT_EQ(last->state(kTopic)->ledgers.of(EntryId{1}), next.ledger);
}

TEST_F(LogAsyncTest, ACheckpointBetweenTwoCrashesMakesNoIdComeAgain) {
  LedgerId named;
  {
    const auto log = open_async();
    named = place(publish(*log, kTopic, "lost")).ledger;
    crash();
  }
  {
    // Nothing is published to the topic; the checkpoint covers what told of its kind.
    const auto log = open();
    ASSERT_TRUE(log->close());
    crash();
  }
  const auto log = open();
  EXPECT_GT(place(publish(*log, kTopic, "next")).ledger, named);
}

TEST_F(LogAsyncTest, ADuplicateIsKnownWhileItsOriginalWaitsAndNotWhenThatWasLost) {
  const auto log = open();
  log->set_async(kTopic, kLong);
  ASSERT_TRUE(send(*log, numbered(1)));
  const EntryHeader first = place(send(*log, numbered(2)));
  const EntryHeader again = place(send(*log, numbered(2)));
  EXPECT_EQ(again.ledger, first.ledger);
  EXPECT_EQ(again.entry, first.entry);
  EXPECT_EQ(log->sent_sequence(kTopic, kProducer)->sequence, 1U) << "durable so far";
  crash();
  const auto after = open();
  after->set_async(kTopic, kLong);
  EXPECT_EQ(place(send(*after, numbered(2))).entry.value, 1U) << "it was lost, so it is stored";
  ASSERT_TRUE(send(*after, numbered(3)));
  EXPECT_EQ(place(send(*after, numbered(3))).entry.value, 2U);
  ASSERT_TRUE(publish(*after, kSync, "all of it"));
  EXPECT_EQ(after->sent_sequence(kTopic, kProducer)->sequence, 3U);
  EXPECT_THAT(read_all(*after, kTopic).value(), ElementsAre("1", "2", "3"));
  const EntryHeader durable = place(send(*after, numbered(3)));
  EXPECT_EQ(durable.entry.value, 2U);
  EXPECT_GT(durable.ledger, first.ledger);
}

TEST_F(LogAsyncTest, ADuplicateOfAnOlderLedgerIsNamedWithIt) {
  LedgerId older;
  {
    const auto log = open();
    log->set_async(kTopic, kLong);
    older = place(send(*log, numbered(1))).ledger;
    crash();
  }
  const auto log = open();
  EXPECT_GT(place(publish(*log, kTopic, "of nobody")).ledger, older);
  EXPECT_EQ(place(send(*log, numbered(1))).ledger, older);
  EXPECT_EQ(place(send(*log, numbered(1))).entry.value, 0U);
}

TEST_F(LogAsyncTest, WhatWaitsLeavesRoomInTheBudget) {
  options_.publish_budget_bytes = 16 << 10;
  const auto log = open_async();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(publish(*log, kTopic, std::string(1 << 10, 'x'))) << i;
  EXPECT_LT(log->stats().publish_budget_used, options_.publish_budget_bytes);
  EXPECT_LT(log->stats().syncs, 30U) << "together";
}

TEST_F(LogAsyncTest, WhatWaitsKeepsNobodyFromPublishingMoreThanIsLeft) {
  options_.publish_budget_bytes = 16 << 10;
  options_.memory_table_bytes = 1 << 20;  // else what is due for a segment takes along what waits
  const auto log = open_async();
  for (const std::size_t bytes : {15 << 10, 20 << 10}) {
    ASSERT_TRUE(publish(*log, kTopic, std::string(2 << 10, 'x')));
    ASSERT_GT(log->stats().publish_budget_used, 0U);
    EXPECT_TRUE(publish(*log, kSync, std::string(bytes, 'y'))) << bytes;
    ASSERT_TRUE(publish(*log, kTopic, "waits"));
    EXPECT_TRUE(publish(*log, kTopic, std::string(bytes, 'y'))) << bytes;
    // That is more than may wait, so it is on its way now.
    const auto deadline = std::chrono::steady_clock::now() + testing::kDeadline;
    while (log->stats().publish_budget_used > 0 && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
  }
}

TEST_F(LogAsyncTest, AFailedWriteEndsTheLogAndTakesWhatWaited) {
  const auto log = open_async();
  wait_until_prepared(*log);
  ASSERT_TRUE(publish(*log, kTopic, "lost"));
  files_->fail_at(files_->operations() + 1, ErrorCode::disk_error);
  EXPECT_EQ(publish(*log, kSync, "refused").error().code, ErrorCode::disk_error);
  EXPECT_EQ(publish(*log, kTopic, "refused").error().code, ErrorCode::disk_error);
  EXPECT_EQ(listener_.errors().size(), 1U);
  EXPECT_EQ(log->stats().publish_budget_used, 0U);
  EXPECT_FALSE(log->close());
  crash();
  EXPECT_THAT(read_all(*open(), kTopic).value(), ElementsAre("first"));
}

TEST_F(LogAsyncTest, OnAFullDiskWhatWasAnsweredIsKept) {
  const auto log = open_async();
  wait_until_prepared(*log);
  std::vector<std::string> answered{"first"};
  // More than the journal has: at some point there is room for what waits, and for no more.
  files_->set_capacity(0);
  for (int i = 0; i < 200; ++i) {
    const std::string body = fmt::format("{:0>1000}", i);
    if (publish(*log, kTopic, body)) answered.push_back(body);
  }
  ASSERT_LT(answered.size(), 201U);
  ASSERT_GT(answered.size(), 2U);
  std::vector<Operation> cursor;
  cursor.emplace_back(SetCursor{.topic = kTopic, .subscription = kSubscription, .next = EntryId{0}});
  ASSERT_TRUE(commit(*log, std::move(cursor))) << "upkeep goes on, and takes along what waits";
  crash();
  files_->set_capacity(1ULL << 30);
  EXPECT_EQ(read_all(*open(), kTopic).value(), answered);
}

std::vector<Entry> all_entries(Log& log, TopicId topic) {
  std::vector<Entry> all;
  for (;;) {
    const auto some = testing::read(log, {.topic = topic, .from = EntryId{all.size()}}).value();
    if (some.empty()) return all;
    all.insert(all.end(), some.begin(), some.end());
  }
}

/// What clients know of a topic over all crashes.
struct Named {
  std::map<std::pair<LedgerId, EntryId>, std::string> bodies;
  std::pair<LedgerId, EntryId> last;

  void name(const EntryHeader& header, const std::string& body) {
    const std::pair id(header.ledger, header.entry);
    EXPECT_TRUE(bodies.emplace(id, body).second) << "an id was named twice";
    EXPECT_TRUE(bodies.size() == 1 || id > last) << "ids rise";
    last = id;
  }
};

TEST_F(LogAsyncTest, OverManyCrashesNoIdHasTwoBodiesAndNothingDurableIsLost) {
  std::mt19937_64 random(20'261'122);
  const auto below = [&](std::uint64_t most) { return random() % most; };
  std::map<TopicId, Named> named;
  std::uint64_t synced = 0;  // entries of kSync that were answered
  std::uint64_t early = 0, lost = 0;
  for (int round = 0; round < 60; ++round) {
    const auto log = open();
    for (const TopicId topic : {kTopic, kOther}) {
      std::uint64_t next = 0;
      for (const Entry& entry : all_entries(*log, topic)) {
        const auto known = named[topic].bodies.find({entry.header.ledger, entry.header.entry});
        ASSERT_TRUE(known != named[topic].bodies.end()) << "nobody was told of it";
        ASSERT_EQ(known->second, entry.body) << "the id means something else now";
        ASSERT_EQ(entry.header.entry.value, next++);
      }
      log->set_async(topic, kLong);
    }
    ASSERT_EQ(read_all(*log, kSync)->size(), synced) << "round " << round;
    const std::uint64_t steps = below(60);
    for (std::uint64_t i = 0; i < steps; ++i) {
      const std::uint64_t kind = below(20);
      const TopicId topic = kind == 0 ? kSync : kind < 14 ? kTopic : kOther;
      const std::string body = fmt::format("{:0>{}}", random(), 20 + below(1'500));
      const auto receipt = publish(*log, topic, body);
      ASSERT_TRUE(receipt);
      if (topic == kSync) ++synced;
      named[topic].name(place(receipt), body);
    }
    early += log->stats().answered_early;
    EXPECT_TRUE(below(5) > 0 || log->close());
    crash(below(2) == 0 ? Loss::everything : Loss::torn, random());
  }
  const auto log = open();
  lost = named[kTopic].bodies.size() + named[kOther].bodies.size() - read_all(*log, kTopic)->size() -
         read_all(*log, kOther)->size();
  EXPECT_GT(early, 500U);
  EXPECT_GT(lost, 50U) << "else nothing was shown";
}

}  // namespace
}  // namespace geminga::storage
