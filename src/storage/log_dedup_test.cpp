// What a producer's name and sequence id promise: stored once, whatever is sent again, refused, or lost in a
// crash. Driven with a disk in memory that can fill up and lose what was not synced.
#include <future>
#include <numeric>
#include <random>
#include <thread>

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

constexpr TopicId kTopic{1};
constexpr std::uint64_t kProducer = 7;
constexpr char kDirectory[] = "/data";

Append numbered(std::uint64_t sequence, std::uint64_t producer = kProducer, std::size_t bytes = 0) {
  std::string body = std::to_string(sequence);
  body.resize(std::max(body.size(), bytes), ' ');
  Append append = testing::append_of(kTopic, std::move(body));
  append.flags = EntryFlags::kDeduplicate;
  append.producer = producer;
  append.sequence = sequence;
  return append;
}

Result<EntryHeader> send(Log& log, Append append) {
  std::vector<Operation> operations;
  operations.emplace_back(std::move(append));
  const auto receipt = testing::commit(log, std::move(operations));
  if (!receipt) return std::unexpected(receipt.error());
  return receipt->appended.at(0);
}

class LogDedupTest : public ::testing::Test {
 protected:
  LogDedupTest() : files_(std::make_unique<FaultFileSystem>()) {
    if (!files_->make_directory(kDirectory)) throw std::runtime_error("no directory");
    if (!files_->sync_directory("/")) throw std::runtime_error("no directory");
  }
  std::unique_ptr<Log> open(UnsafeOptions unsafe = {}, std::uint64_t publish_budget_bytes = 64 << 20) {
    LogOptions options{.directory = kDirectory,
                       .directory_uuid = testing::kUuid,
                       .journal_bytes_max = 1 << 20,
                       .journal_file_bytes = 32 << 10,
                       .memory_table_bytes = 24 << 10,
                       .publish_budget_bytes = publish_budget_bytes,
                       .unsafe = unsafe};
    auto log = Log::open(*files_, clock_, options, {kTopic}, {}, listener_);
    EXPECT_TRUE(log) << log.error().message;
    return std::move(*log);
  }

  std::unique_ptr<FaultFileSystem> files_;
  base::ManualClock clock_;
  testing::RecordingListener listener_;
};

TEST_F(LogDedupTest, ADuplicateHasThePlaceOfTheFirst) {
  const auto log = open();
  const EntryHeader first = send(*log, numbered(5)).value();
  const EntryHeader again = send(*log, numbered(5)).value();
  EXPECT_EQ(again.ledger, first.ledger);
  EXPECT_EQ(again.entry, first.entry);
  const EntryHeader older = send(*log, numbered(3)).value();
  EXPECT_EQ(older.ledger, kUnknownLedger);
  EXPECT_EQ(older.entry, kUnknownEntry);
  EXPECT_EQ(send(*log, numbered(3, kProducer + 1)).value().entry.value, 1U) << "another name";
  EXPECT_EQ(send(*log, numbered(6)).value().entry.value, 2U);
  EXPECT_EQ(log->stats().duplicates, 2U);
  EXPECT_THAT(testing::read_all(*log, kTopic).value(), ::testing::ElementsAre("5", "3", "6"));
}

TEST_F(LogDedupTest, ZeroIsASequenceIdToo) {
  const auto log = open();
  EXPECT_EQ(send(*log, numbered(0)).value().entry.value, 0U);
  EXPECT_EQ(send(*log, numbered(0)).value().entry.value, 0U);
  EXPECT_EQ(testing::read_all(*log, kTopic).value().size(), 1U);
}

TEST_F(LogDedupTest, WithoutTheFlagNothingIsDropped) {
  const auto log = open();
  for (int i = 0; i < 2; ++i) {
    Append append = numbered(5);
    append.flags = 0;
    ASSERT_TRUE(send(*log, std::move(append)));
  }
  EXPECT_EQ(testing::read_all(*log, kTopic).value().size(), 2U);
  EXPECT_FALSE(log->sent_sequence(kTopic, kProducer));
}

TEST_F(LogDedupTest, ADuplicateWaitsForTheGroupOfTheFirst) {
  const auto log = open();
  std::vector<std::future<Result<Receipt>>> answers;
  for (int i = 0; i < 200; ++i) {
    auto promise = std::make_shared<std::promise<Result<Receipt>>>();
    answers.push_back(promise->get_future());
    std::vector<Operation> operations;
    operations.emplace_back(numbered(static_cast<std::uint64_t>(i) / 4));
    log->submit({.operations = std::move(operations),
                 .done = [promise](Result<Receipt> result) { promise->set_value(std::move(result)); }});
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    ASSERT_EQ(answers[i].wait_for(testing::kDeadline), std::future_status::ready);
    const EntryHeader header = answers[i].get().value().appended.at(0);
    if (header.entry != kUnknownEntry) {
      EXPECT_EQ(header.entry.value, i / 4);
    } else {
      EXPECT_NE(i % 4, 0U) << "not a duplicate";
    }
  }
  EXPECT_EQ(testing::read_all(*log, kTopic).value().size(), 50U);
}

TEST_F(LogDedupTest, AMixedTransactionWritesWhatIsNew) {
  const auto log = open();
  ASSERT_TRUE(send(*log, numbered(1)));
  std::vector<Operation> operations;
  operations.emplace_back(numbered(1));
  operations.emplace_back(numbered(2));
  operations.emplace_back(testing::append_of(kTopic, "plain"));
  const Receipt receipt = testing::commit(*log, std::move(operations)).value();
  ASSERT_EQ(receipt.appended.size(), 3U);
  EXPECT_EQ(receipt.appended[0].entry.value, 0U);
  EXPECT_EQ(receipt.appended[1].entry.value, 1U);
  EXPECT_EQ(receipt.appended[2].entry.value, 2U);
  EXPECT_THAT(testing::read_all(*log, kTopic).value(), ::testing::ElementsAre("1", "2", "plain"));
}

TEST_F(LogDedupTest, OfAChunkedMessageTheLastChunkCounts) {
  const auto log = open();
  const auto chunk = [](std::uint16_t index) {
    Append append = numbered(9);
    append.flags |= EntryFlags::kChunk;
    append.chunk_index = index;
    append.chunk_count = 2;
    return append;
  };
  EXPECT_EQ(send(*log, chunk(0)).value().entry.value, 0U);
  EXPECT_FALSE(log->sent_sequence(kTopic, kProducer));
  EXPECT_EQ(send(*log, chunk(0)).value().entry.value, 1U) << "the message was not whole: it is sent again";
  EXPECT_EQ(send(*log, chunk(1)).value().entry.value, 2U);
  EXPECT_EQ(send(*log, chunk(0)).value().entry.value, 2U);
  EXPECT_EQ(send(*log, chunk(1)).value().entry.value, 2U);
  EXPECT_EQ(log->sent_sequence(kTopic, kProducer)->sequence, 9U);
}

TEST_F(LogDedupTest, NumbersSurviveAStopAndAPowerCut) {
  std::uint64_t sequence = 0;
  for (const bool clean : {true, false, false, true}) {
    auto log = open();
    if (sequence > 0) {
      EXPECT_EQ(log->sent_sequence(kTopic, kProducer)->sequence, sequence);
      EXPECT_EQ(send(*log, numbered(sequence)).value().entry.value, sequence - 1);
    }
    // Some checkpoints, and a tail that only the journal has.
    for (int i = 0; i < 70; ++i) ASSERT_TRUE(send(*log, numbered(++sequence, kProducer, 1'000)));
    if (clean) {
      ASSERT_TRUE(log->close());
    } else {
      auto after = files_->crash(Loss::everything, sequence);
      log.reset();
      files_ = std::move(after);
    }
  }
  const auto log = open();
  EXPECT_EQ(testing::read_all(*log, kTopic).value().size(), sequence);
}

/// A client that sends until it has a receipt, against a disk whose power goes at any step: every id that was
/// answered is there once, and none twice.
TEST_F(LogDedupTest, ResentOverPowerCutsItIsThereOnce) {
  constexpr std::uint64_t kWanted = 60;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 random(seed);
    files_ = std::make_unique<FaultFileSystem>();
    ASSERT_TRUE(files_->make_directory(kDirectory));
    ASSERT_TRUE(files_->sync_directory("/"));
    for (std::uint64_t next = 0; next < kWanted;) {
      auto log = open();
      ASSERT_TRUE(log);
      files_->stop_at(files_->operations() + 1 + random() % 40);
      while (next < kWanted && send(*log, numbered(next, kProducer, 1'000))) ++next;
      auto after = files_->crash(random() % 2 == 0 ? Loss::everything : Loss::torn, random());
      log.reset();
      files_ = std::move(after);
    }
    const auto log = open();
    const auto bodies = testing::read_all(*log, kTopic).value();
    std::vector<std::uint64_t> stored;
    for (const std::string& body : bodies) stored.push_back(std::stoull(body));
    std::vector<std::uint64_t> wanted(kWanted);
    std::iota(wanted.begin(), wanted.end(), 0U);
    ASSERT_EQ(stored, wanted) << "seed " << seed;
  }
}

/// True when what the full disk refused is stored when it is sent again.
bool refused_comes_through(Log& log, FaultFileSystem& files) {
  std::uint64_t sequence = 0;
  Result<EntryHeader> last = EntryHeader{};
  files.set_capacity(0);
  while (last) last = send(log, numbered(++sequence, kProducer, 4'000));
  EXPECT_EQ(last.error().code, ErrorCode::disk_full);
  files.set_capacity(1ULL << 40);
  const auto deadline = std::chrono::steady_clock::now() + testing::kDeadline;
  do last = send(log, numbered(sequence, kProducer, 4'000));
  while (!last && std::chrono::steady_clock::now() < deadline);
  if (!last) return false;
  return testing::read_all(log, kTopic).value().size() == sequence;
}

/// One producer's, as the broker gives them to the log.
std::future<Result<Receipt>> submit(Log& log, const std::shared_ptr<base::NumberedSends>& sends,
                                    std::uint64_t sequence, std::size_t bytes) {
  auto promise = std::make_shared<std::promise<Result<Receipt>>>();
  Transaction transaction;
  transaction.operations.emplace_back(numbered(sequence, kProducer, bytes));
  transaction.numbers = {.sends = sends, .range = {.first = sequence, .last = sequence}};
  transaction.done = [promise](Result<Receipt> receipt) { promise->set_value(std::move(receipt)); };
  log.submit(std::move(transaction));
  return promise->get_future();
}

TEST_F(LogDedupTest, WhatStandsBehindARefusedOneIsRefusedToo) {
  const auto log = open({}, 10'000);
  const auto sends = std::make_shared<base::NumberedSends>();
  std::promise<void> go_on;
  Transaction holds_the_journal;
  holds_the_journal.operations.emplace_back(testing::append_of(kTopic, "0"));
  holds_the_journal.done = [&](const Result<Receipt>&) { go_on.get_future().wait(); };
  log->submit(std::move(holds_the_journal));
  while (listener_.bodies().empty()) std::this_thread::yield();
  auto first = submit(*log, sends, 1, 6'000);
  auto refused = submit(*log, sends, 2, 6'000);
  auto behind = submit(*log, sends, 3, 10);
  go_on.set_value();
  EXPECT_TRUE(first.get());
  EXPECT_EQ(refused.get().error().code, ErrorCode::overloaded);
  EXPECT_EQ(behind.get().error().code, ErrorCode::overloaded);
  EXPECT_TRUE(submit(*log, sends, 2, 6'000).get());
  EXPECT_TRUE(submit(*log, sends, 3, 10).get());
  EXPECT_EQ(testing::read_all(*log, kTopic).value().size(), 4U);
}

TEST_F(LogDedupTest, WhatWasRefusedIsNotTakenForADuplicate) {
  const auto log = open();
  EXPECT_TRUE(refused_comes_through(*log, *files_));
}

TEST_F(LogDedupTest, ControlNumbersThatRiseBeforeTheyPersistLoseMessages) {
  const auto log = open({.dedup_before_persist = true});
  EXPECT_FALSE(refused_comes_through(*log, *files_));
}

/// Enough for a checkpoint, by a name of its own.
void force_checkpoint(Log& log) {
  for (int i = 0; i < 40; ++i) {
    Append append = testing::append_of(kTopic, std::string(1'000, 'x'));
    ASSERT_TRUE(send(log, std::move(append)));
  }
}

TEST_F(LogDedupTest, IdleNamesAreForgottenAndConnectedOnesNever) {
  const auto log = open();
  log->hold_sequence(kTopic, 1, true);
  ASSERT_TRUE(send(*log, numbered(5, 1)));
  ASSERT_TRUE(send(*log, numbered(5, 2)));
  force_checkpoint(*log);
  clock_.advance(kSentSequenceIdle - std::chrono::minutes(1));
  force_checkpoint(*log);
  EXPECT_TRUE(log->sent_sequence(kTopic, 2));
  clock_.advance(std::chrono::hours(1));
  force_checkpoint(*log);
  EXPECT_TRUE(log->sent_sequence(kTopic, 1));
  EXPECT_FALSE(log->sent_sequence(kTopic, 2));
  log->hold_sequence(kTopic, 1, false);
  clock_.advance(kSentSequenceIdle - std::chrono::minutes(1));
  force_checkpoint(*log);
  EXPECT_TRUE(log->sent_sequence(kTopic, 1)) << "counted from its departure";
  clock_.advance(std::chrono::minutes(2));
  force_checkpoint(*log);
  EXPECT_FALSE(log->sent_sequence(kTopic, 1));
}

TEST_F(LogDedupTest, AWallClockThatJumpsForgetsNobody) {
  const auto log = open();
  ASSERT_TRUE(send(*log, numbered(5)));
  clock_.jump(2 * std::chrono::duration_cast<std::chrono::milliseconds>(kSentSequenceIdle));
  force_checkpoint(*log);
  EXPECT_TRUE(log->sent_sequence(kTopic, kProducer));
}

TEST_F(LogDedupTest, OfTooManyNamesTheLongestAwayGoFirst) {
  const auto log = open();
  log->hold_sequence(kTopic, 1, true);
  for (std::uint64_t producer = 1; producer <= kSentSequencesMax + 100; producer += 1'000) {
    std::vector<Operation> operations;
    for (std::uint64_t i = producer; i < producer + 1'000; ++i) operations.emplace_back(numbered(5, i));
    ASSERT_TRUE(testing::commit(*log, std::move(operations)));
    clock_.advance(std::chrono::seconds(1));
  }
  force_checkpoint(*log);
  EXPECT_TRUE(log->sent_sequence(kTopic, 1)) << "connected";
  EXPECT_FALSE(log->sent_sequence(kTopic, 2));
  EXPECT_TRUE(log->sent_sequence(kTopic, kSentSequencesMax));
}

}  // namespace
}  // namespace geminga::storage
