// What happens when a bound is reached: the publish budget, the journal, memory, the disk.
#include <chrono>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fault_file_system.hpp"
#include "storage/directory.hpp"
#include "storage/log.hpp"
#include "storage/testing.hpp"

namespace geminga::storage {
namespace {

using base::FaultFileSystem;
using testing::append_of;
using testing::commit;
using testing::publish;

constexpr TopicId kTopic{1};
constexpr SubscriptionId kSubscription{2};

class LogLimitsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Log> open() {
    return Log::open(files_, base::Clock::system(), options_, {kTopic}, {}, listener_).value();
  }
  static Result<Receipt> acknowledge(Log& log, std::uint64_t entry) {
    std::vector<Operation> operations;
    operations.emplace_back(Acknowledge{.topic = kTopic,
                                        .subscription = kSubscription,
                                        .ranges = {{EntryId{entry}, EntryId{entry}}},
                                        .batches = {}});
    return commit(log, std::move(operations));
  }
  static void set_cursor(Log& log) {
    std::vector<Operation> operations;
    operations.emplace_back(SetCursor{.topic = kTopic, .subscription = kSubscription, .next = EntryId{0}});
    ASSERT_TRUE(commit(log, std::move(operations)));
  }

  FaultFileSystem files_;
  testing::RecordingListener listener_;
  LogOptions options_{.directory = "/data",
                      .directory_uuid = testing::kUuid,
                      .journal_bytes_max = 16 << 20,
                      .journal_file_bytes = 128 << 10,
                      .memory_table_bytes = 256 << 10,
                      .unsafe = {}};
};

TEST_F(LogLimitsTest, OverTheBudgetPublishingIsRefusedAndNothingElse) {
  options_.publish_budget_bytes = 10'000;
  auto log = open();
  set_cursor(*log);
  std::promise<void> ready;
  std::vector<std::future<Result<Receipt>>> answers;
  const auto submit = [&](std::vector<Operation> operations) {
    auto promise = std::make_shared<std::promise<Result<Receipt>>>();
    answers.push_back(promise->get_future());
    log->submit({.operations = std::move(operations),
                 .done = [promise](Result<Receipt> receipt) { promise->set_value(std::move(receipt)); }});
  };
  // On the journal thread, so that nothing is taken from the queue meanwhile.
  std::vector<Operation> first;
  first.emplace_back(append_of(kTopic, "first"));
  log->submit({.operations = std::move(first), .done = [&](const Result<Receipt>&) {
                 for (int i = 0; i < 3; ++i) {
                   std::vector<Operation> operations;
                   operations.emplace_back(append_of(kTopic, std::string(6'000, 'x')));
                   submit(std::move(operations));
                 }
                 std::vector<Operation> ack;
                 ack.emplace_back(Acknowledge{.topic = kTopic,
                                              .subscription = kSubscription,
                                              .ranges = {{EntryId{0}, EntryId{0}}},
                                              .batches = {}});
                 submit(std::move(ack));
                 ready.set_value();
               }});
  ready.get_future().wait();
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_TRUE(answers[0].get());
  for (const std::size_t refused : {1U, 2U}) {
    const auto answer = answers[refused].get();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::overloaded);
    EXPECT_TRUE(answer.error().retryable());
  }
  EXPECT_TRUE(answers[3].get());
  EXPECT_EQ(log->stats().publish_budget_used, 0U);
  EXPECT_TRUE(publish(*log, kTopic, "again"));
}

TEST_F(LogLimitsTest, AnEntryLargerThanTheBudgetPassesAlone) {
  options_.publish_budget_bytes = 100;
  auto log = open();
  EXPECT_TRUE(publish(*log, kTopic, std::string(50'000, 'x')));
}

TEST_F(LogLimitsTest, MemoryAndJournalStayBounded) {
  options_.journal_bytes_max = 1 << 20;
  auto log = open();
  std::uint64_t most_memory = 0;
  std::uint64_t most_journal = 0;
  for (int i = 0; i < 2'000; ++i) {
    ASSERT_TRUE(publish(*log, kTopic, std::string(4'000, 'x')));
    most_memory = std::max(most_memory, log->stats().memory_table_bytes);
    most_journal = std::max(most_journal, log->stats().journal_bytes);
  }
  // A group may be under way when the limit is reached.
  EXPECT_LE(most_memory, options_.memory_table_bytes + 16'384);
  // The rest of the one that is written, one prepared, two spares, the reserve of half a file; and a group.
  EXPECT_LE(most_journal, options_.journal_bytes_max + 5 * options_.journal_file_bytes);
  EXPECT_GT(log->stats().segments, 5U);
}

TEST_F(LogLimitsTest, UnderABackupTheJournalIsLimitedToo) {
  options_.journal_bytes_max = 1 << 20;
  auto log = open();
  set_cursor(*log);
  auto lock = files_.lock(options_.directory / kBackupFile).value();
  Result<Receipt> answer;
  for (int i = 0; i < 1'000 && (answer = publish(*log, kTopic, std::string(10'000, 'x'))); ++i) {
  }
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::overloaded);
  EXPECT_TRUE(answer.error().retryable());
  EXPECT_THAT(answer.error().message, ::testing::HasSubstr("backup"));
  EXPECT_LE(log->stats().journal_held_bytes, options_.journal_bytes_max + 2 * options_.journal_file_bytes);
  // Acknowledgements go on, and no checkpoint is written for nothing.
  const std::uint64_t before = files_.operations();
  for (std::uint64_t entry = 0; entry < 20; ++entry) ASSERT_TRUE(acknowledge(*log, 2 * entry));
  EXPECT_LT(files_.operations() - before, 20U * 4);
  lock.reset();
  const auto deadline = std::chrono::steady_clock::now() + testing::kDeadline;
  while (!(answer = publish(*log, kTopic, "again")) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_TRUE(answer);
}

TEST_F(LogLimitsTest, AFullDiskStopsPublishingOnlyAndOnlyForAWhile) {
  files_.set_capacity(6 << 20);
  auto log = open();
  set_cursor(*log);
  std::uint64_t published = 0;
  Result<Receipt> answer;
  while ((answer = publish(*log, kTopic, std::string(10'000, 'x')))) ++published;
  EXPECT_EQ(answer.error().code, ErrorCode::disk_full);
  EXPECT_TRUE(answer.error().retryable());
  EXPECT_GT(published, 300U);
  // Acknowledgements, reads and trims go on.
  for (std::uint64_t entry = 0; entry < 30; ++entry) ASSERT_TRUE(acknowledge(*log, 2 * entry));
  EXPECT_EQ(testing::read_all(*log, kTopic).value().size(), published);
  std::vector<Operation> trim;
  trim.emplace_back(Trim{.topic = kTopic, .before = EntryId{published}});
  ASSERT_TRUE(commit(*log, std::move(trim)));
  // Trimming alone frees nothing until segments go; then publishing resumes by itself.
  const auto deadline = std::chrono::steady_clock::now() + testing::kDeadline;
  Result<Receipt> resumed;
  do {
    resumed = publish(*log, kTopic, "again");
    std::this_thread::yield();
  } while (!resumed && std::chrono::steady_clock::now() < deadline);
  ASSERT_TRUE(resumed) << resumed.error().message;
  EXPECT_EQ(resumed->appended[0].entry.value, published);
  EXPECT_TRUE(listener_.errors().empty());
  EXPECT_EQ(log->state(kTopic).value().cursors.at(kSubscription).acknowledged.size(), 29U);
}

TEST_F(LogLimitsTest, OnAFullDiskAcknowledgementsGoOnForLong) {
  files_.set_capacity(6 << 20);
  auto log = open();
  set_cursor(*log);
  std::uint64_t published = 0;
  while (publish(*log, kTopic, std::string(10'000, 'x'))) ++published;
  // Each is a group of 4 KiB: together hundreds of times the reserve, and twice the disk.
  for (std::uint64_t i = 0; i < 3'000; ++i) {
    const auto answer = acknowledge(*log, 2 * i % published);
    ASSERT_TRUE(answer) << i << ": " << answer.error().message;
    // Whatever space a checkpoint gives back, a publisher takes it at once.
    if (publish(*log, kTopic, std::string(10'000, 'x'))) ++published;
  }
  EXPECT_LT(published, 700U);
}

TEST_F(LogLimitsTest, WhatOthersTakeOfTheDiskLeavesTheReserve) {
  auto log = open();
  set_cursor(*log);
  ASSERT_TRUE(publish(*log, kTopic, "kept"));
  files_.set_capacity(0);
  // The journal of the start may take some more; then nothing but the reserve is left.
  Result<Receipt> answer;
  while ((answer = publish(*log, kTopic, std::string(1'000, 'x')))) {
  }
  EXPECT_EQ(answer.error().code, ErrorCode::disk_full);
  const std::uint64_t groups = options_.journal_file_bytes / 2 / 4'096;
  for (std::uint64_t i = 0; i < groups; ++i) {
    const auto acknowledged = acknowledge(*log, 0);
    ASSERT_TRUE(acknowledged) << i << ": " << acknowledged.error().message;
  }
  files_.set_capacity(64 << 20);
  const auto deadline = std::chrono::steady_clock::now() + testing::kDeadline;
  while (!(answer = publish(*log, kTopic, "again")) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_TRUE(answer);
}

/// A disk on which nothing more can be made, with what the files take of it.
void fill_up(FaultFileSystem& files) {
  std::uint64_t used = 0;
  const auto entries = files.list("/data").value();
  for (const base::DirectoryEntry& entry : entries)
    used += files.content(std::filesystem::path("/data") / entry.name).size();
  files.set_capacity(used);
}

TEST_F(LogLimitsTest, StartsOnADiskThatIsCompletelyFull) {
  options_.journal_file_bytes = 1 << 20;
  options_.memory_table_bytes = 64 << 20;
  std::uint64_t messages = 60;
  std::unique_ptr<FaultFileSystem> image;
  {
    auto log = open();
    set_cursor(*log);
    for (std::uint64_t i = 0; i < messages; ++i) ASSERT_TRUE(publish(*log, kTopic, std::string(10'000, 'x')));
    image = files_.crash(FaultFileSystem::Loss::nothing, 0);
  }
  fill_up(*image);
  // Less than what the journal holds: at the start some of it would go to a segment.
  options_.memory_table_bytes = 128 << 10;
  options_.journal_file_bytes = 128 << 10;
  for (int round = 0; round < 3; ++round) {
    auto opened = Log::open(*image, base::Clock::system(), options_, {kTopic}, {}, listener_);
    ASSERT_TRUE(opened) << round << ": " << opened.error().message;
    Log& log = **opened;
    EXPECT_EQ(testing::read_all(log, kTopic).value().size(), messages);
    ASSERT_TRUE(acknowledge(log, static_cast<std::uint64_t>(2 * round)));
    EXPECT_EQ(log.state(kTopic).value().cursors.at(kSubscription).next.value, 1U);
    if (publish(log, kTopic, "files of another size made room")) ++messages;
    auto killed = image->crash(FaultFileSystem::Loss::everything, 0);
    opened->reset();
    image = std::move(killed);
    fill_up(*image);
  }
  image->set_capacity(64 << 20);
  const auto log = Log::open(*image, base::Clock::system(), options_, {kTopic}, {}, listener_).value();
  EXPECT_EQ(log->state(kTopic).value().cursors.at(kSubscription).acknowledged.size(), 2U);
  EXPECT_TRUE(publish(*log, kTopic, "again"));
  EXPECT_EQ(testing::read_all(*log, kTopic).value().size(), messages + 1);
}

TEST_F(LogLimitsTest, AFailedSyncEndsTheLog) {
  auto log = open();
  ASSERT_TRUE(publish(*log, kTopic, "kept"));
  std::uint64_t failed = 0;
  // Some operation from here on is the sync of the journal; the others belong to the background.
  for (std::uint64_t i = 1; i < 10; ++i) files_.fail_at(files_.operations() + i, ErrorCode::disk_error);
  const auto answer = publish(*log, kTopic, "lost");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::disk_error);
  EXPECT_EQ(publish(*log, kTopic, "later").error().code, ErrorCode::disk_error);
  EXPECT_EQ(acknowledge(*log, failed).error().code, ErrorCode::disk_error);
  EXPECT_EQ(listener_.errors().size(), 1U);
  EXPECT_THAT(listener_.bodies(), ::testing::ElementsAre("kept"));
  EXPECT_EQ(log->close().error().code, ErrorCode::disk_error);
  EXPECT_EQ(log->close().error().code, ErrorCode::disk_error) << "the second time, too";
}

}  // namespace
}  // namespace geminga::storage
