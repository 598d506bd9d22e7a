#include "storage/backup.hpp"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/checkpoint.hpp"
#include "storage/journal_copy.hpp"
#include "storage/journal_scan.hpp"
#include "storage/segment.hpp"
#include "storage/stored_directory.hpp"

namespace geminga::storage {
namespace {

namespace fs = std::filesystem;
using testing::StoredDirectory;

class BackupTest : public ::testing::Test {
 protected:
  [[nodiscard]] fs::path path(const char* name) const { return folder_.path() / name; }
  static Result<FsckReport> copy(const fs::path& from, const fs::path& to) {
    return copy_directory(base::FileSystem::system(), from, to);
  }
  /// The first `least` entries are there, and what follows them is right, too.
  static void expect_entries(const fs::path& directory, std::uint64_t least) {
    StoredDirectory opened(directory);
    const auto bodies = testing::read_all(opened.log(), opened.topic()).value();
    ASSERT_GE(bodies.size(), least);
    for (std::uint64_t i = 0; i < bodies.size(); ++i) ASSERT_EQ(bodies[i], StoredDirectory::body(i));
  }

  testing::TemporaryDirectory folder_;
};

TEST_F(BackupTest, OfADirectoryThatNobodyUses) {
  {
    StoredDirectory data(path("data"));
    data.write(0, 300);
    ASSERT_TRUE(data.log().close());
  }
  const auto report = copy(path("data"), path("copy"));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->sound());
  EXPECT_EQ(report->uuid, DataDirectory::uuid_of(base::FileSystem::system(), path("data")).value());
  // And back.
  ASSERT_TRUE(copy(path("copy"), path("restored")));
  expect_entries(path("restored"), 300);
}

TEST_F(BackupTest, UnderWritesHoldsWhatWasAcknowledgedBefore) {
  StoredDirectory data(path("data"));
  std::atomic<std::uint64_t> acknowledged{0};
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (std::uint64_t i = 0; !stop && i < 20'000; ++i) {
      if (!testing::publish(data.log(), data.topic(), StoredDirectory::body(i))) return;
      acknowledged = i + 1;
    }
  });
  const auto deadline = std::chrono::steady_clock::now() + testing::kDeadline;
  for (int round = 0; round < 3; ++round) {
    const std::uint64_t wanted = 150U * (static_cast<unsigned>(round) + 1);
    while (acknowledged < wanted && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    const std::uint64_t before = acknowledged;
    const fs::path target = path(("copy" + std::to_string(round)).c_str());
    const auto report = copy(path("data"), target);
    EXPECT_TRUE(report) << report.error().message;
    if (report) expect_entries(target, before);
  }
  stop = true;
  writer.join();
  EXPECT_GE(acknowledged, 450U);
}

TEST_F(BackupTest, WhatTheCheckpointNeedsStaysWhileTheLockIsHeld) {
  StoredDirectory data(path("data"));
  data.write(0, 50);
  const auto lock = base::FileSystem::system().lock(path("data") / kBackupFile).value();
  const auto count = [&] { return data.log().stats().journal_bytes; };
  const std::uint64_t before = count();
  data.write(50, 300);  // many times a journal file
  EXPECT_GT(count(), before + 4 * (128U << 10));
  EXPECT_EQ(copy(path("data"), path("copy")).error().code, ErrorCode::directory_locked);
}

/// What a copy that began with this checkpoint would have.
struct CopyUnderWay {
  explicit CopyUnderWay(const fs::path& from)
      : lock(files.lock(from / kBackupFile).value()),
        uuid(raw_uuid(DataDirectory::uuid_of(files, from).value())),
        checkpoint(read(from)) {}
  [[nodiscard]] Checkpoint read(const fs::path& from) const {
    const std::string bytes = base::read_file(files, from / kCheckpointFile).value();
    return decode_checkpoint(uuid, std::as_bytes(std::span(bytes))).value();
  }
  [[nodiscard]] Result<> journal(const fs::path& from, const fs::path& to) const {
    fs::create_directory(to);
    return copy_journal(files, {.from = from, .to = to, .uuid = uuid, .covered = checkpoint.covered});
  }
  base::FileSystem& files = base::FileSystem::system();
  std::unique_ptr<base::FileLock> lock;
  const RawUuid uuid;
  const Checkpoint checkpoint;
};

TEST_F(BackupTest, ARestartMeanwhileLeavesWhatTheCopyNeeds) {
  auto data = std::make_unique<StoredDirectory>(path("data"));
  data->write(0, 100);
  CopyUnderWay copy(path("data"));
  ASSERT_FALSE(copy.checkpoint.segments.empty());
  data->write(100, 200);
  std::vector<Operation> trim;
  trim.emplace_back(Trim{.topic = data->topic(), .before = EntryId{200}});
  ASSERT_TRUE(testing::commit(data->log(), std::move(trim)));
  data.reset();
  data = std::make_unique<StoredDirectory>(path("data"));
  for (const Checkpoint::Segment& segment : copy.checkpoint.segments)
    EXPECT_TRUE(fs::exists(path("data") / segment_file_name(segment.number)));
  const auto copied = copy.journal(path("data"), path("copy"));
  ASSERT_TRUE(copied) << copied.error().message;
  const auto scan = scan_journal(
      copy.files, {.directory = path("copy"), .uuid = copy.uuid, .covered = copy.checkpoint.covered},
      [](const ScannedGroup&) { return Result<>(); });
  EXPECT_GE(scan.value().last_group, copy.read(path("data")).covered);
  // And when it is done, all of it goes.
  copy.lock.reset();
  const std::uint64_t before = data->log().stats().journal_bytes;
  data->write(200, 300);
  data.reset();
  data = std::make_unique<StoredDirectory>(path("data"));
  EXPECT_LT(data->log().stats().journal_bytes, before);
  for (const Checkpoint::Segment& segment : copy.checkpoint.segments)
    EXPECT_FALSE(fs::exists(path("data") / segment_file_name(segment.number)));
}

TEST_F(BackupTest, OfAJournalThatWasUsedAgainMeanwhileIsRefused) {
  std::optional<CopyUnderWay> copy;
  {
    StoredDirectory data(path("data"));
    copy.emplace(path("data"));
    copy->lock.reset();  // a program that does not look at it
    data.write(0, 100);
  }
  StoredDirectory data(path("data"));
  const auto copied = copy->journal(path("data"), path("copy"));
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, ErrorCode::unavailable);
}

TEST_F(BackupTest, ATargetThatIsNotEmptyIsRefused) {
  {
    StoredDirectory data(path("data"));
  }
  fs::create_directory(path("copy"));
  ASSERT_TRUE(base::replace_file(base::FileSystem::system(), path("copy") / "mine", "text"));
  const auto refused = copy(path("data"), path("copy"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(copy(path("nowhere"), path("other")).error().code, ErrorCode::not_found);
  EXPECT_FALSE(fs::exists(path("other")));
}

TEST_F(BackupTest, OfADamagedDirectoryIsNoDataDirectory) {
  {
    StoredDirectory data(path("data"));
    data.write(0, 300);
    ASSERT_TRUE(data.log().close());
  }
  for (const auto& entry : fs::directory_iterator(path("data"))) {
    if (entry.path().extension() == ".seg") {
      std::string content = base::read_file(base::FileSystem::system(), entry.path()).value();
      content[5'000] = static_cast<char>(content[5'000] ^ 4);
      ASSERT_TRUE(base::replace_file(base::FileSystem::system(), entry.path(), content));
      break;
    }
  }
  const auto refused = copy(path("data"), path("copy"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::corrupted);
  EXPECT_FALSE(fs::exists(path("copy") / kFormatFile));
}

}  // namespace
}  // namespace geminga::storage
