#include "base/file_system.hpp"

#include <algorithm>
#include <filesystem>
#include <sys/resource.h>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fault_file_system.hpp"
#include "base/make_directories.hpp"
#include "base/uuid.hpp"

namespace geminga::base {
namespace {

using Loss = FaultFileSystem::Loss;

class FileSystemTest : public ::testing::Test {
 protected:
  FileSystemTest() : path_(std::filesystem::temp_directory_path() / ("geminga-" + random_uuid())) {
    EXPECT_TRUE(files_.make_directory(path_));
  }
  ~FileSystemTest() override { std::filesystem::remove_all(path_); }
  static std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

  FileSystem& files_ = FileSystem::system();
  std::filesystem::path path_;
};

TEST_F(FileSystemTest, WritesReadsAndReserves) {
  const auto file = files_.open(path_ / "a", {.mode = OpenMode::create}).value();
  ASSERT_TRUE(file->write_at(3, bytes("hello")));
  ASSERT_TRUE(file->sync_data());
  std::string read(10, 'x');
  EXPECT_EQ(file->read_at(0, std::as_writable_bytes(std::span(read))).value(), 8U);
  EXPECT_EQ(read.substr(0, 8), std::string("\0\0\0hello", 8));
  ASSERT_TRUE(file->preallocate(0, 100));
  EXPECT_EQ(file->size().value(), 100U);
  ASSERT_TRUE(file->truncate(4));
  EXPECT_EQ(file->size().value(), 4U);
  EXPECT_TRUE(file->drop_cache());
  struct stat info{};
  ASSERT_EQ(stat((path_ / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(FileSystemTest, DirectFilesTakeAlignedBlocks) {
  const auto file = files_.open(path_ / "a", {.mode = OpenMode::create, .direct = true}).value();
  alignas(kDirectAlignment) static std::byte block[kDirectAlignment];
  std::fill(std::begin(block), std::end(block), std::byte{'b'});
  ASSERT_TRUE(file->write_at(0, block));
  ASSERT_TRUE(file->write_at(kDirectAlignment, block));
  EXPECT_EQ(read_file(files_, path_ / "a").value(), std::string(2 * kDirectAlignment, 'b'));
}

TEST_F(FileSystemTest, AShortPieceIsNotTheEndOfTheFile) {
  // The kernel gives this one line by line, never whole blocks.
  const auto file = files_.open("/proc/self/smaps", {}).value();
  std::vector<std::byte> into(3 * kDirectAlignment);
  EXPECT_EQ(file->read_at(0, into).value(), into.size());
}

TEST_F(FileSystemTest, MakesEachLevelOfAPathDurable) {
  FaultFileSystem files;
  for (const std::uint64_t level : {1, 2, 3}) {
    files.fail_at(files.operations() + level, ErrorCode::disk_error);
    EXPECT_FALSE(make_directories(files, "/" + std::to_string(level) + "/b/c"));
  }
  ASSERT_TRUE(make_directories(files_, path_ / "a" / "b" / "c"));
  ASSERT_TRUE(make_directories(files_, path_ / "a" / "b" / "c"));
  EXPECT_TRUE(std::filesystem::is_directory(path_ / "a" / "b" / "c"));
}

TEST_F(FileSystemTest, SaysWhatIsWrongWithWhichFile) {
  const auto missing = files_.open(path_ / "missing", {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_THAT(missing.error().message, ::testing::HasSubstr("missing"));
  EXPECT_EQ(files_.unlink(path_ / "missing").error().code, ErrorCode::not_found);
  EXPECT_EQ(files_.rename(path_ / "missing", path_ / "x").error().code, ErrorCode::not_found);
  EXPECT_EQ(files_.open(path_, {.mode = OpenMode::write}).error().code, ErrorCode::disk_error);
  EXPECT_FALSE(files_.exists(path_ / "missing").value());
}

TEST_F(FileSystemTest, ThatThereIsNoDescriptorNowIsNoFaultOfTheDisk) {
  ASSERT_TRUE(files_.list(path_));  // a sanitizer that sees a type for the first time needs a descriptor, too
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto opened = files_.open(path_ / "a", {.mode = OpenMode::create});
  const auto listed = files_.list(path_);
  const auto synced = files_.sync_directory(path_);
  const auto locked = files_.lock(path_ / "lock");
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  for (const ErrorCode code :
       {opened.error().code, listed.error().code, synced.error().code, locked.error().code})
    EXPECT_EQ(code, ErrorCode::unavailable);
}

TEST_F(FileSystemTest, ReplacesAFileAsAWholeAndListsNames) {
  ASSERT_TRUE(replace_file(files_, path_ / "b", "one"));
  ASSERT_TRUE(replace_file(files_, path_ / "b", "second"));
  ASSERT_TRUE(files_.make_directory(path_ / "a"));
  EXPECT_EQ(read_file(files_, path_ / "b").value(), "second");
  const auto names = files_.list(path_).value();
  ASSERT_EQ(names.size(), 2U);
  EXPECT_EQ(names[0].name, "a");
  EXPECT_TRUE(names[0].directory);
  EXPECT_EQ(names[1].name, "b");
  EXPECT_GT(files_.space(path_).value().free_bytes, 0U);
}

TEST_F(FileSystemTest, ALockHoldsUntilItsObjectGoes) {
  {
    const auto lock = files_.lock(path_ / "LOCK").value();
    EXPECT_EQ(files_.lock(path_ / "LOCK").error().code, ErrorCode::directory_locked);
  }
  EXPECT_TRUE(files_.lock(path_ / "LOCK"));
}

/// The model of a disk that the crash tests stand on.
class FaultFileSystemTest : public FileSystemTest {
 protected:
  std::unique_ptr<File> make(const std::string& name) {
    auto file = disk_.open("/d/" + name, {.mode = OpenMode::create}).value();
    EXPECT_TRUE(file->write_at(0, bytes("synced")));
    EXPECT_TRUE(file->sync_data());
    EXPECT_TRUE(disk_.sync_directory("/d"));
    return file;
  }
  FaultFileSystem disk_;
};

TEST_F(FaultFileSystemTest, LosesWhatWasNotSynced) {
  const auto file = make("a");
  ASSERT_TRUE(file->write_at(0, bytes("SYNCED and more")));
  EXPECT_EQ(disk_.content("/d/a"), "SYNCED and more");
  EXPECT_EQ(disk_.crash(Loss::everything, 0)->content("/d/a"), "synced");
  EXPECT_EQ(disk_.crash(Loss::nothing, 0)->content("/d/a"), "SYNCED and more");
}

TEST_F(FaultFileSystemTest, LosesNamesWithoutADirectorySync) {
  ASSERT_TRUE(make("a"));
  const auto file = disk_.open("/d/b", {.mode = OpenMode::create}).value();
  ASSERT_TRUE(file->write_at(0, bytes("x")));
  ASSERT_TRUE(file->sync_data());
  ASSERT_TRUE(disk_.rename("/d/a", "/d/c"));
  const auto image = disk_.crash(Loss::names, 0);
  EXPECT_FALSE(image->exists("/d/b").value());
  EXPECT_FALSE(image->exists("/d/c").value());
  EXPECT_EQ(image->content("/d/a"), "synced");
  ASSERT_TRUE(disk_.sync_directory("/d"));
  EXPECT_EQ(disk_.crash(Loss::everything, 0)->content("/d/c"), "synced");
}

TEST_F(FaultFileSystemTest, TearsWritesAtSectors) {
  const auto file = make("a");
  ASSERT_TRUE(file->write_at(0, bytes(std::string(4096, 'n'))));
  bool torn = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::string content = disk_.crash(Loss::torn, seed)->content("/d/a");
    for (std::size_t at = 0; at + 512 <= content.size(); at += 512) {
      const auto written = std::ranges::count(content.substr(at, 512), 'n');
      EXPECT_TRUE(written == 512 || written <= 1);  // "synced" has one of its own
    }
    torn = torn || (content.find("nn") != std::string::npos && content.find('\0') != std::string::npos);
  }
  EXPECT_TRUE(torn);
}

TEST_F(FaultFileSystemTest, StopsAndFailsWhereItIsTold) {
  const auto file = make("a");
  disk_.fail_at(disk_.operations() + 1, ErrorCode::disk_full);
  EXPECT_EQ(file->write_at(0, bytes("x")).error().code, ErrorCode::disk_full);
  EXPECT_TRUE(file->write_at(0, bytes("y")));
  disk_.stop_at(disk_.operations() + 1);
  EXPECT_FALSE(file->sync_data());
  EXPECT_FALSE(disk_.sync_directory("/d"));
  EXPECT_EQ(disk_.crash(Loss::everything, 0)->content("/d/a"), "synced");
}

TEST_F(FaultFileSystemTest, AFailedSyncIsForgottenByTheKernel) {
  const auto file = make("a");
  ASSERT_TRUE(file->write_at(0, bytes("x")));
  disk_.fail_at(disk_.operations() + 1, ErrorCode::disk_error);
  EXPECT_FALSE(file->sync_data());
  EXPECT_TRUE(file->sync_data());  // "all is well"
  EXPECT_EQ(disk_.crash(Loss::everything, 0)->content("/d/a"), "synced");
}

TEST_F(FaultFileSystemTest, IsFullWhenItIsFull) {
  disk_.set_capacity(1'000);
  const auto file = make("a");
  EXPECT_EQ(file->write_at(0, bytes(std::string(2'000, 'x'))).error().code, ErrorCode::disk_full);
  EXPECT_TRUE(file->write_at(0, bytes(std::string(900, 'x'))));
  EXPECT_EQ(disk_.space("/d").value().free_bytes, 100U);
}

}  // namespace
}  // namespace geminga::base
