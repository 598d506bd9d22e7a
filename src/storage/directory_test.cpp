#include "storage/directory.hpp"

#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fault_file_system.hpp"
#include "storage/testing.hpp"

namespace geminga::storage {
namespace {

using ::testing::HasSubstr;

class DirectoryTest : public ::testing::Test {
 protected:
  std::filesystem::path path() const { return parent_.path() / "data"; }
  Result<std::unique_ptr<DataDirectory>> acquire() {
    return DataDirectory::acquire(base::FileSystem::system(), path());
  }
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directory(path());
    std::ofstream(path() / name) << text;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path()))
      names.push_back(entry.path().filename());
    return names;
  }

  testing::TemporaryDirectory parent_;
};

TEST_F(DirectoryTest, IsMadePrivateWithAUuidThatStays) {
  std::string uuid;
  {
    const auto directory = acquire().value();
    EXPECT_TRUE(directory->fresh());
    uuid = directory->uuid();
    EXPECT_TRUE(base::is_uuid(uuid));
    struct stat info{};
    ASSERT_EQ(stat(path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0700U);
  }
  {
    // Whoever made it may have died before anything was stored.
    const auto again = acquire().value();
    EXPECT_TRUE(again->fresh());
    EXPECT_EQ(again->uuid(), uuid);
  }
  write("metadata.db", "x");
  EXPECT_FALSE(acquire().value()->fresh());
}

TEST_F(DirectoryTest, TheSecondIsToldWhoHoldsIt) {
  const auto directory = acquire().value();
  ASSERT_TRUE(directory->announce("http://127.0.0.1:8080 pulsar://127.0.0.1:6650"));
  const auto second = acquire();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::directory_locked);
  EXPECT_THAT(second.error().message, HasSubstr(fmt::format("process {}", getpid())));
  EXPECT_THAT(second.error().message, HasSubstr("http://127.0.0.1:8080 pulsar://127.0.0.1:6650"));
  EXPECT_THAT(second.error().message, HasSubstr("--server"));
  EXPECT_THAT(second.error().message, HasSubstr("--data-dir"));
}

TEST_F(DirectoryTest, ANewerFormatIsRefusedAndNotTouched) {
  write("FORMAT", "geminga data directory\nformat 2\nsomething new\n");
  const auto directory = acquire();
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, ErrorCode::format_too_new);
  EXPECT_THAT(names(), ::testing::ElementsAre("FORMAT"));
}

TEST_F(DirectoryTest, AForeignDirectoryIsRefusedAndNotTouched) {
  write("holiday.jpg", "x");
  const auto directory = acquire();
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, ErrorCode::corrupted);
  EXPECT_THAT(directory.error().message, HasSubstr("holiday.jpg"));
  EXPECT_THAT(names(), ::testing::ElementsAre("holiday.jpg"));
}

TEST_F(DirectoryTest, ADamagedFormatFileIsRefused) {
  for (const char* text :
       {"", "geminga", "geminga data directory\nformat x\n", "geminga data directory\nformat 1\nuuid 7\n"}) {
    write("FORMAT", text);
    EXPECT_EQ(acquire().error().code, ErrorCode::corrupted) << text;
  }
}

TEST_F(DirectoryTest, AFileInItsPlaceIsNamed) {
  std::ofstream(path()) << "x";
  const auto directory = acquire();
  ASSERT_FALSE(directory);
  EXPECT_THAT(directory.error().message, HasSubstr(path().string()));
}

TEST_F(DirectoryTest, ADirectoryThatCannotBeWrittenIsNamedWithTheRemedy) {
  // A path below a plain file cannot be made, whoever asks; root ignores modes.
  std::ofstream(parent_.path() / "file") << "x";
  const auto directory = DataDirectory::acquire(base::FileSystem::system(), parent_.path() / "file" / "data");
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, ErrorCode::disk_error);
  EXPECT_THAT(directory.error().message, HasSubstr("--data-dir"));
}

TEST_F(DirectoryTest, AFullDiskDoesNotTakeTheRightToIt) {
  base::FaultFileSystem files;
  std::string uuid;
  {
    const auto first = DataDirectory::acquire(files, "/data").value();
    uuid = first->uuid();
  }
  files.set_capacity(0);
  const auto again = DataDirectory::acquire(files, "/data");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ((*again)->uuid(), uuid);
  EXPECT_TRUE((*again)->announce("http://127.0.0.1:8080"));
}

TEST_F(DirectoryTest, AnEmptyPathIsRefused) {
  EXPECT_EQ(DataDirectory::acquire(base::FileSystem::system(), "").error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace geminga::storage
