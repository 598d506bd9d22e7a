#include <algorithm>
#include <filesystem>
#include <future>
#include <map>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fault_file_system.hpp"
#include "storage/checkpoint.hpp"
#include "storage/directory.hpp"
#include "storage/log_segments_fixture.hpp"
#include "storage/segment.hpp"
#include "storage/segment_format.hpp"

namespace geminga::storage {
namespace {

using testing::commit;
using testing::kBig;
using testing::kDirectory;
using testing::kSmall;
using testing::kSubscription;
using testing::LogSegmentsTest;
using testing::publish;
using testing::read_all;

TEST_F(LogSegmentsTest, ReadsAcrossSegmentsAndMemory) {
  auto log = open();
  publish_many(*log, 0, 600);
  expect_all(*log, 600);
  EXPECT_GT(log->stats().segments, 0U);
  EXPECT_LE(log->stats().memory_table_bytes, 600U << 10);
  EXPECT_LE(log->stats().journal_bytes, 8U << 20);
  // From the middle of an extent, with limits.
  const auto some = testing::read(*log, {.topic = kBig, .from = EntryId{101}, .entries_max = 7}).value();
  ASSERT_EQ(some.size(), 7U);
  EXPECT_EQ(some[0].body, body(101));
  const auto one = testing::read(*log, {.topic = kBig, .from = EntryId{101}, .bytes_max = 1}).value();
  ASSERT_EQ(one.size(), 1U);
}

TEST_F(LogSegmentsTest, ASlowReadHoldsUpNoOther) {
  std::promise<void> held;  // both outlive the log, whose thread uses them
  std::promise<void> go;
  auto log = open();
  publish_many(*log, 0, 600);
  log->read({.topic = kBig, .from = EntryId{0}}, [&](const Result<std::vector<Entry>>& entries) {
    EXPECT_TRUE(entries);
    held.set_value();
    go.get_future().wait();  // as a disk that does not answer would
  });
  ASSERT_EQ(held.get_future().wait_for(testing::kDeadline), std::future_status::ready);
  EXPECT_TRUE(testing::read(*log, {.topic = kSmall, .from = EntryId{0}}));
  EXPECT_TRUE(testing::read(*log, {.topic = kBig, .from = EntryId{101}}));
  go.set_value();
}

TEST_F(LogSegmentsTest, StartsAgainWhereItWas) {
  for (int round = 0; round < 4; ++round) {
    auto log = open();
    publish_many(*log, round * 200, (round + 1) * 200);
    expect_all(*log, (round + 1) * 200);
  }
  auto log = open();
  const TopicState state = log->state(kBig).value();
  EXPECT_EQ(state.next.value, 800U);
  EXPECT_EQ(state.next_index, 800U);
  expect_all(*log, 800);
}

TEST_F(LogSegmentsTest, AnOlderCheckpointBesideANewerJournalIsRefused) {
  const std::filesystem::path directory = kDirectory;
  std::map<std::string, std::string> old;
  {
    auto log = open();
    publish_many(*log, 0, 5);
    ASSERT_TRUE(log->close());
    for (const char* name : {kCheckpointFile, kCleanFile}) old[name] = files_.content(directory / name);
  }
  {
    auto log = open();
    publish_many(*log, 5, 10);
    ASSERT_TRUE(log->close());
  }
  for (const auto& [name, content] : old) files_.put(directory / name, content);
  const auto refused = try_open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::corrupted);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("older checkpoint"));
}

TEST_F(LogSegmentsTest, ACleanStartReadsNothing) {
  {
    auto log = open();
    publish_many(*log, 0, 50);
    ASSERT_TRUE(log->close());
  }
  auto log = open();
  EXPECT_EQ(log->stats().memory_table_bytes, 0U);
  expect_all(*log, 50);
}

TEST_F(LogSegmentsTest, TrimmedSegmentsGo) {
  auto log = open();
  publish_many(*log, 0, 600);
  const std::uint64_t before = log->state(kBig).value().stored_bytes;
  for (const TopicId topic : {kBig, kSmall}) {
    std::vector<Operation> trim;
    trim.emplace_back(Trim{.topic = topic, .before = EntryId{topic == kBig ? 590U : 60U}});
    ASSERT_TRUE(commit(*log, std::move(trim)));
  }
  EXPECT_EQ(log->state(kBig).value().first.value, 590U);
  EXPECT_LT(log->state(kBig).value().stored_bytes, before / 10);
  const auto left = read_all(*log, kBig).value();
  ASSERT_EQ(left.size(), 10U);
  EXPECT_EQ(left.front(), body(590));
  ASSERT_TRUE(log->close());
  EXPECT_LE(segment_files().size(), 1U);
  log = open();
  EXPECT_EQ(read_all(*log, kBig).value().size(), 10U);
  EXPECT_EQ(read_all(*log, kSmall).value().size(), 0U);
  EXPECT_EQ(publish(*log, kSmall, "next").value().appended[0].entry.value, 60U);
}

TEST_F(LogSegmentsTest, ADamagedCheckpointIsMadeAnewFromWhatIsInMemory) {
  const auto checkpoint = std::filesystem::path(kDirectory) / kCheckpointFile;
  auto log = open();
  publish_many(*log, 0, 600);
  ASSERT_TRUE(log->close());
  log = open();
  ASSERT_FALSE(segment_files().empty());
  files_.put(checkpoint, "rotten");
  std::vector<Operation> trim;
  trim.emplace_back(Trim{.topic = kBig, .before = EntryId{600}});
  trim.emplace_back(Trim{.topic = kSmall, .before = EntryId{60}});
  ASSERT_TRUE(commit(*log, std::move(trim)));
  const auto deadline = std::chrono::steady_clock::now() + testing::kDeadline;
  while (!segment_files().empty() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(segment_files().empty());
  EXPECT_NE(files_.content(checkpoint), "rotten");
  EXPECT_TRUE(listener_.errors().empty());
  EXPECT_TRUE(publish(*log, kBig, "next"));
}

TEST_F(LogSegmentsTest, DroppedTopicsLeaveNothing) {
  {
    auto log = open();
    publish_many(*log, 0, 300);
    for (const TopicId topic : {kBig, kSmall}) {
      std::vector<Operation> drop;
      drop.emplace_back(DropTopic{.topic = topic});
      ASSERT_TRUE(commit(*log, std::move(drop)));
    }
    EXPECT_EQ(publish(*log, kBig, "late").error().code, ErrorCode::topic_not_found);
    EXPECT_EQ(log->state(kBig).error().code, ErrorCode::topic_not_found);
  }
  EXPECT_TRUE(segment_files().empty());
  open()->visit([](TopicId topic, const TopicState&) { ADD_FAILURE() << topic.value; });
}

TEST_F(LogSegmentsTest, OfSegmentsThatAreMostlyDeadWhatLivesIsMoved) {
  std::uint64_t before = 0;
  {
    auto log = open();
    publish_many(*log, 0, 600);
    std::vector<Operation> trim;
    trim.emplace_back(Trim{.topic = kBig, .before = EntryId{600}});
    ASSERT_TRUE(commit(*log, std::move(trim)));
    before = log->stats().segment_bytes;
    publish_many(*log, 600, 700);
    EXPECT_EQ(read_all(*log, kSmall).value().size(), 70U);
    ASSERT_TRUE(log->close());
    EXPECT_GT(log->stats().segments_rewritten, 0U);
  }
  auto log = open();
  EXPECT_LT(log->stats().segment_bytes, before * 3 / 4);
  const auto small = read_all(*log, kSmall).value();
  ASSERT_EQ(small.size(), 70U);
  for (int i = 0; i < 70; ++i) EXPECT_EQ(small[static_cast<std::size_t>(i)], body(i * 10));
  EXPECT_EQ(read_all(*log, kBig).value().size(), 100U);
}

TEST_F(LogSegmentsTest, WithoutPublishersMostlyDeadSegmentsGoToo) {
  auto log = open();
  publish_many(*log, 0, 600);
  std::vector<Operation> trim;
  trim.emplace_back(Trim{.topic = kBig, .before = EntryId{600}});
  ASSERT_TRUE(commit(*log, std::move(trim)));
  const auto deadline = std::chrono::steady_clock::now() + testing::kDeadline;
  while (log->stats().segments_rewritten == 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_GT(log->stats().segments_rewritten, 0U);
  EXPECT_EQ(read_all(*log, kSmall).value().size(), 60U);
}

TEST_F(LogSegmentsTest, NothingGoesWhileItIsUnknownWhetherItIsCopied) {
  auto log = open();
  files_.put(std::filesystem::path(kDirectory) / kBackupFile, "");
  files_.refuse_opening(ErrorCode::disk_error, std::filesystem::path(kDirectory) / kBackupFile);
  publish_many(*log, 0, 400);
  const std::uint64_t held = log->stats().journal_held_bytes;
  EXPECT_GT(held, 400U * 4'096);
  files_.refuse_opening(std::nullopt);
  publish_many(*log, 400, 600);
  EXPECT_LT(log->stats().journal_held_bytes, held);
  EXPECT_TRUE(listener_.errors().empty());
}

TEST_F(LogSegmentsTest, CursorsSurviveCheckpoints) {
  {
    auto log = open();
    std::vector<Operation> step;
    step.emplace_back(SetCursor{.topic = kBig, .subscription = kSubscription, .next = EntryId{0}});
    ASSERT_TRUE(commit(*log, std::move(step)));
    publish_many(*log, 0, 300);
    for (std::uint64_t entry = 1; entry < 300; entry += 2) {
      std::vector<Operation> ack;
      ack.emplace_back(Acknowledge{.topic = kBig,
                                   .subscription = kSubscription,
                                   .ranges = {{EntryId{entry}, EntryId{entry}}},
                                   .batches = {{.entry = EntryId{entry + 1}, .acknowledged = {entry}}}});
      ASSERT_TRUE(commit(*log, std::move(ack)));
    }
    publish_many(*log, 300, 600);
  }
  const auto log = open();
  const CursorState cursor = log->state(kBig).value().cursors.at(kSubscription);
  EXPECT_EQ(cursor.next.value, 0U);
  EXPECT_EQ(cursor.acknowledged.size(), 150U);
  ASSERT_EQ(cursor.batches.size(), 150U);
  EXPECT_EQ(cursor.batches[3], (BatchAck{.entry = EntryId{8}, .acknowledged = {7}}));
}

TEST_F(LogSegmentsTest, SegmentsVerify) {
  {
    auto log = open();
    publish_many(*log, 0, 300);
  }
  ASSERT_FALSE(segment_files().empty());
  for (const auto& file : segment_files()) {
    const std::uint64_t number = segment_number(file.filename().string()).value();
    const auto reader = SegmentReader::open(files_, file, raw_uuid(testing::kUuid), number).value();
    const auto footer = reader->read_footer().value();
    for (const FooterLine& line : footer) EXPECT_TRUE(reader->verify(line));
    EXPECT_TRUE(std::ranges::is_sorted(footer, {}, &FooterLine::topic));
  }
}

}  // namespace
}  // namespace geminga::storage
