#include "storage/fsck.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/checkpoint.hpp"
#include "storage/journal_files.hpp"
#include "storage/segment.hpp"
#include "storage/stored_directory.hpp"

namespace geminga::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::StoredDirectory;

constexpr std::uint64_t kEntries = 200;

class FsckTest : public ::testing::Test {
 protected:
  FsckTest() {
    {
      StoredDirectory data(path());
      data.write(0, kEntries);
      EXPECT_TRUE(data.log().close());
    }
    // As a killed process leaves it: everything is on the disk, nothing was closed.
    StoredDirectory data(folder_.path() / "running", StoredDirectory::Table::large);
    data.write(0, kEntries);
    fs::create_directory(killed());
    for (const auto& entry : fs::directory_iterator(folder_.path() / "running")) {
      std::error_code ignored;  // the next journal file gets its name meanwhile; nothing stands in it
      if (entry.path().extension() != ".tmp") fs::copy(entry.path(), killed(), ignored);
    }
  }
  [[nodiscard]] fs::path path() const { return folder_.path() / "data"; }
  [[nodiscard]] fs::path killed() const { return folder_.path() / "killed"; }
  static FsckReport check(const fs::path& directory) {
    auto report = check_directory(base::FileSystem::system(), directory);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *std::move(report) : FsckReport{};
  }
  static std::vector<fs::path> files(const fs::path& directory, const char* extension) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(directory)) {
      if (entry.path().extension() == extension) found.push_back(entry.path());
    }
    std::ranges::sort(found);
    return found;
  }
  static void change(const fs::path& file, const std::function<void(std::string&)>& how) {
    std::string content = base::read_file(base::FileSystem::system(), file).value();
    how(content);
    ASSERT_TRUE(base::replace_file(base::FileSystem::system(), file, content));
  }
  /// One damage in `file` that is named and hurts the topic, of which `lost` entries at least are out of
  /// reach.
  static void expect_hurt(const FsckReport& report, const std::string& file, std::uint64_t lost) {
    EXPECT_FALSE(report.sound());
    ASSERT_FALSE(report.findings.empty());
    EXPECT_THAT(report.findings[0].file, HasSubstr(file));
    ASSERT_EQ(report.hurt.size(), 1U);
    const HurtTopic& topic = report.hurt.begin()->second;
    EXPECT_EQ(topic.name, "persistent://public/default/orders");
    EXPECT_EQ(topic.entries, kEntries);
    EXPECT_LE(topic.in_reach, kEntries - lost);
  }

  testing::TemporaryDirectory folder_;
};

TEST_F(FsckTest, AfterACleanStopAndAfterAKillAllIsSound) {
  const FsckReport closed = check(path());
  EXPECT_TRUE(closed.sound()) << closed.findings[0].text;
  EXPECT_TRUE(closed.findings.empty());
  EXPECT_EQ(closed.topics, 1U);
  EXPECT_GT(closed.extents, 1U);
  const FsckReport after_kill = check(killed());
  EXPECT_TRUE(after_kill.sound()) << after_kill.findings[0].text;
  EXPECT_EQ(after_kill.journal_groups, kEntries);
}

TEST_F(FsckTest, AMissingSegmentNamesItsTopic) {
  fs::remove(files(path(), ".seg").at(0));
  expect_hurt(check(path()), "segment-", 1);
}

TEST_F(FsckTest, ADamagedExtentNamesItsTopic) {
  change(files(path(), ".seg").at(0), [](std::string& content) { content[5'000] ^= 1; });
  const FsckReport report = check(path());
  expect_hurt(report, "segment-", 1);
  EXPECT_THAT(report.findings[0].text, HasSubstr("are damaged"));
}

TEST_F(FsckTest, ADamagedBodyInTheJournalNamesItsTopic) {
  // Groups follow it: no torn tail.
  const std::string needle = StoredDirectory::body(kEntries - 3).substr(0, 600);
  bool changed = false;
  for (const fs::path& file : files(killed(), ".log")) {
    change(file, [&](std::string& content) {
      const std::size_t at = content.find(needle);
      if (at == std::string::npos) return;
      content[at + 100] ^= 1;
      changed = true;
    });
  }
  ASSERT_TRUE(changed);
  const FsckReport report = check(killed());
  expect_hurt(report, "journal", 1);
  EXPECT_EQ(report.hurt.begin()->second.in_reach, kEntries - 1);
}

TEST_F(FsckTest, ATornTailIsARemark) {
  const std::string needle = StoredDirectory::body(kEntries - 1).substr(0, 600);
  for (const fs::path& file : files(killed(), ".log")) {
    change(file, [&](std::string& content) {
      if (const std::size_t at = content.find(needle); at != std::string::npos) content[at + 100] ^= 1;
    });
  }
  const FsckReport report = check(killed());
  EXPECT_TRUE(report.sound());
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_THAT(report.findings[0].text, HasSubstr("were not finished"));
}

TEST_F(FsckTest, AMissingOrDamagedCheckpointIsDamage) {
  change(path() / kCheckpointFile, [](std::string& content) { content[50] ^= 1; });
  const FsckReport damaged = check(path());
  EXPECT_FALSE(damaged.sound());
  EXPECT_EQ(damaged.findings[0].file, kCheckpointFile);
  fs::remove(path() / kCheckpointFile);
  const FsckReport missing = check(path());
  EXPECT_FALSE(missing.sound());
  EXPECT_THAT(missing.findings.back().text, HasSubstr("missing"));
}

TEST_F(FsckTest, AMissingOrOldMetadataFileIsDamage) {
  fs::copy(path() / kMetadataFile, folder_.path() / "old.db");
  {
    StoredDirectory data(path());
    data.make_topic("later");
    data.log().needs_metadata(data.metadata().directory().value().sequence);
    data.write(kEntries, kEntries + 1);
    ASSERT_TRUE(data.log().close());
  }
  EXPECT_TRUE(check(path()).sound());
  fs::remove(path() / "metadata.db-wal");
  fs::rename(folder_.path() / "old.db", path() / kMetadataFile);
  const FsckReport old = check(path());
  EXPECT_FALSE(old.sound());
  EXPECT_THAT(old.findings[0].text, HasSubstr("older than the log"));
  fs::remove(path() / kMetadataFile);
  const FsckReport missing = check(path());
  EXPECT_FALSE(missing.sound());
  EXPECT_EQ(missing.findings[0].file, kMetadataFile);
}

TEST_F(FsckTest, ADirectoryInUseOrNoneIsAnError) {
  const StoredDirectory data(path());
  EXPECT_EQ(check_directory(base::FileSystem::system(), path()).error().code, ErrorCode::directory_locked);
  EXPECT_EQ(check_directory(base::FileSystem::system(), folder_.path()).error().code, ErrorCode::not_found);
}

TEST_F(FsckTest, ChangesNothingOfAnOlderDirectory) {
  const fs::path older = folder_.path() / "older";
  fs::copy(fs::path(GEMINGA_SOURCE_DIR) / "tests/golden/format-1", older);
  const auto bytes = [&] {
    return base::read_file(base::FileSystem::system(), older / kMetadataFile).value();
  };
  const std::string before = bytes();
  EXPECT_TRUE(check(older).sound());
  EXPECT_TRUE(bytes() == before);
}

TEST_F(FsckTest, EmptiedMetadataIsDamageAndStaysEmpty) {
  const fs::path file = path() / kMetadataFile;
  fs::resize_file(file, 0);
  EXPECT_FALSE(check(path()).sound());
  EXPECT_EQ(fs::file_size(file), 0U);
  const auto directory = DataDirectory::acquire(base::FileSystem::system(), path()).value();
  const auto opened = MetadataStore::open(file, directory->uuid(), false);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::corrupted);
  EXPECT_EQ(fs::file_size(file), 0U);
}

}  // namespace
}  // namespace geminga::storage
