// Segments and checkpoints that are damaged, missing or cannot be read.
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

using testing::append_of;
using testing::commit;
using testing::kBig;
using testing::kDirectory;
using testing::kSmall;
using testing::kSubscription;
using testing::LogSegmentsTest;
using testing::publish;
using testing::read_all;

TEST_F(LogSegmentsTest, ADamagedSegmentIsNotRewritten) {
  {
    auto log = open();
    publish_many(*log, 0, 600);
    ASSERT_TRUE(log->close());
  }
  const std::filesystem::path path = segment_files().at(0);
  std::string content = files_.content(path);
  const std::size_t at = content.find(body(50));  // the copy of kBig comes first
  ASSERT_NE(at, std::string::npos);
  const std::size_t copy = content.find(body(50), at + 1);
  ASSERT_NE(copy, std::string::npos);
  content[copy + 10] ^= 1;
  files_.put(path, content);
  {
    auto log = open();
    std::vector<Operation> trim;
    trim.emplace_back(Trim{.topic = kBig, .before = EntryId{600}});
    ASSERT_TRUE(commit(*log, std::move(trim)));
    ASSERT_TRUE(log->close());
  }
  EXPECT_EQ(files_.content(path), content);
}

TEST_F(LogSegmentsTest, ASegmentThatCannotBeReadIsNotRewrittenAndEndsNothing) {
  auto log = open();
  publish_many(*log, 0, 600);
  expect_all(*log, 600);  // opens them all
  const auto lost = segment_files();
  for (const auto& path : lost) files_.refuse_reading(path);
  std::vector<Operation> trim;
  trim.emplace_back(Trim{.topic = kBig, .before = EntryId{600}});
  ASSERT_TRUE(commit(*log, std::move(trim)));
  publish_many(*log, 600, 900);  // over several flushes
  EXPECT_TRUE(log->close());
  EXPECT_TRUE(listener_.errors().empty());
  const auto left = segment_files();
  for (const auto& path : lost) EXPECT_THAT(left, ::testing::Contains(path));
}

TEST_F(LogSegmentsTest, WithoutDescriptorsTheBackgroundWaits) {
  auto log = open();
  publish_many(*log, 0, 10);
  files_.refuse_opening(ErrorCode::unavailable);
  const std::uint64_t refused = files_.refused_openings();
  publish_many(*log, 10, 160);  // a flush is due
  const auto deadline = std::chrono::steady_clock::now() + testing::kDeadline;
  while (files_.refused_openings() == refused && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_GT(files_.refused_openings(), refused);
  files_.refuse_opening(std::nullopt);
  publish_many(*log, 160, 600);
  expect_all(*log, 600);
  ASSERT_TRUE(log->close());
  EXPECT_TRUE(listener_.errors().empty());
  log = open();
  expect_all(*log, 600);
}

TEST_F(LogSegmentsTest, MetadataFromBeforeADeletionIsRefused) {
  std::unique_ptr<base::FaultFileSystem> killed;
  {
    auto log = open();
    publish_many(*log, 0, 3);
    std::vector<Operation> drop;
    drop.emplace_back(DropTopic{.topic = kSmall});
    ASSERT_TRUE(commit(*log, std::move(drop)));
    killed = files_.crash(base::FaultFileSystem::Loss::nothing, 0);
  }
  const auto opened = [&](const std::set<TopicId>& live, const std::set<TopicId>& tombstoned) {
    return Log::open(*killed, base::Clock::system(), options(), live, tombstoned, listener_);
  };
  const auto refused = opened({kBig, kSmall}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::corrupted);
  EXPECT_TRUE(opened({kBig}, {kSmall}));
}

TEST_F(LogSegmentsTest, AMissingSegmentTakesItsTopicsOffline) {
  {
    auto log = open();
    publish_many(*log, 0, 300);
  }
  for (const auto& file : segment_files()) ASSERT_TRUE(files_.unlink(file));
  auto log = open();
  EXPECT_NE(log->state(kBig).value().offline_reason, "");
  EXPECT_EQ(testing::read(*log, {.topic = kBig, .from = {}}).error().code, ErrorCode::topic_offline);
  EXPECT_EQ(publish(*log, kBig, "x").error().code, ErrorCode::topic_offline);
}

TEST_F(LogSegmentsTest, AMissingSegmentThatIsPutBackIsReadAgain) {
  {
    auto log = open();
    publish_many(*log, 0, 400);
    ASSERT_TRUE(log->close());
  }
  const auto path = segment_files().at(0);
  const std::string content = files_.content(path);
  ASSERT_TRUE(files_.unlink(path));
  {
    auto log = open();
    EXPECT_EQ(read_all(*log, kBig).error().code, ErrorCode::topic_offline);
    ASSERT_TRUE(log->close());
  }
  files_.put(path, content);
  expect_all(*open(), 400);
}

TEST_F(LogSegmentsTest, AFileThatCannotBeOpenedNowTakesNoTopicOffline) {
  auto log = open();
  publish_many(*log, 0, 400);
  ASSERT_GT(log->stats().segments, 0U);
  files_.refuse_opening(ErrorCode::unavailable);
  EXPECT_EQ(testing::read(*log, {.topic = kBig, .from = {}}).error().code, ErrorCode::unavailable);
  files_.refuse_opening(std::nullopt);
  expect_all(*log, 400);
}

TEST_F(LogSegmentsTest, WithoutAThreadSegmentsAreReadAndNoLogOpens) {
  auto log = open();
  publish_many(*log, 0, 400);
  {
    const testing::WithoutThreads none;
    expect_all(*log, 400);
    ASSERT_TRUE(log->close());
    EXPECT_EQ(try_open().error().code, ErrorCode::unavailable);
  }
  log = open();
  expect_all(*log, 400);
}

TEST_F(LogSegmentsTest, AHurtIndexSkipsNothing) {
  {
    auto log = open();
    publish_many(*log, 0, 400);
    ASSERT_TRUE(log->close());
  }
  const auto path = segment_files().at(0);
  const auto reader =
      SegmentReader::open(files_, path, raw_uuid(testing::kUuid), *segment_number(path.filename().string()))
          .value();
  const auto footer = reader->read_footer().value();
  const auto line = std::ranges::find(footer, kBig, &FooterLine::topic);
  ASSERT_GT(line->extent.index_count, 0U);
  std::string content = files_.content(path);
  FieldWriter index(
      std::as_writable_bytes(std::span(content)).subspan(line->extent.offset + line->extent.bytes));
  // Every step claims to stand before the second entry.
  for (std::uint32_t i = 0; i < line->extent.index_count; ++i)
    index.put(i * kIndexEntryBytes, line->extent.first.value + 1);
  files_.put(path, content);
  auto log = open();
  const auto entries = testing::read(*log, {.topic = kBig, .from = EntryId{line->extent.first.value + 1}});
  if (entries) {
    EXPECT_EQ(entries->front().header.entry.value, line->extent.first.value + 1);
  } else {
    EXPECT_EQ(entries.error().code, ErrorCode::topic_offline);
  }
}

TEST_F(LogSegmentsTest, AMissingCheckpointRefusesTheStart) {
  {
    auto log = open();
    publish_many(*log, 0, 300);
  }
  ASSERT_TRUE(files_.unlink(std::filesystem::path(kDirectory) / "checkpoint"));
  const auto segments = segment_files();
  EXPECT_EQ(try_open().error().code, ErrorCode::corrupted);
  EXPECT_EQ(segment_files(), segments);
}

TEST_F(LogSegmentsTest, AMissingCheckpointIsNoticedBeforeTheFirstSegmentToo) {
  std::unique_ptr<base::FaultFileSystem> killed;
  {
    auto log = open();
    publish_many(*log, 0, 3);
    killed = files_.crash(base::FaultFileSystem::Loss::everything, 1);
  }
  ASSERT_TRUE(segment_files().size() <= 1);
  for (base::FaultFileSystem* files : {&files_, killed.get()}) {
    ASSERT_TRUE(files->unlink(std::filesystem::path(kDirectory) / "checkpoint"));
    const auto refused = Log::open(*files, base::Clock::system(), options(), {kBig, kSmall}, {}, listener_);
    ASSERT_FALSE(refused) << "spare files would pass for all that there was";
    EXPECT_EQ(refused.error().code, ErrorCode::corrupted);
  }
}

}  // namespace
}  // namespace geminga::storage
