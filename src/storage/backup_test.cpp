#include "storage/backup.hpp"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
