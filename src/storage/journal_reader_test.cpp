#include "storage/journal_reader.hpp"

#include <cstring>
#include <random>

#include <gtest/gtest.h>

#include "base/fault_file_system.hpp"
#include "storage/testing.hpp"

namespace geminga::storage {
namespace {

constexpr char kFile[] = "/journal";
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kMiB = 256 * kPage;

class JournalReaderTest : public ::testing::Test {
 protected:
  /// A file in which each eight bytes are their own offset.
  void make(std::uint64_t size) {
    std::vector<std::byte> content(size);
    for (std::uint64_t offset = 0; offset + 8 <= size; offset += 8)
      std::memcpy(content.data() + offset, &offset, 8);
    auto file = files_.open(kFile, {.mode = base::OpenMode::create_or_trim});
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_TRUE((*file)->write_at(0, content));
    auto opened = JournalFileReader::open(files_, kFile);
    ASSERT_TRUE(opened) << opened.error().message;
    reader_ = *std::move(opened);
  }
  void expect(std::uint64_t offset, std::uint64_t bytes) {
    const auto read = reader_->at(offset, bytes);
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->size(), std::min(bytes, reader_->size() - offset));
    for (std::uint64_t at = 0; at + 8 <= read->size(); at += 8) {
      std::uint64_t value = 0;
      std::memcpy(&value, read->data() + at, 8);
      ASSERT_EQ(value, offset + at);
    }
  }

  base::FaultFileSystem files_;
  std::unique_ptr<JournalFileReader> reader_;
};

TEST_F(JournalReaderTest, ReadsOnOverEveryBorderOfAWindow) {
  make(21 * kMiB + 4096);
  for (const std::uint64_t group : {kPage, 12 * kPage, 3 * kMiB, 5 * kMiB, 9 * kMiB}) {
    auto again = JournalFileReader::open(files_, kFile);
    ASSERT_TRUE(again);
    reader_ = *std::move(again);
    for (std::uint64_t offset = 0; offset < reader_->size(); offset += group) {
      expect(offset, 80);
      expect(offset + 80, group - 80);
    }
  }
}

TEST_F(JournalReaderTest, ReadsOnWithoutAThread) {
  make(16 * kMiB);
  const testing::WithoutThreads none;
  for (std::uint64_t offset = 0; offset < reader_->size(); offset += 3 * kMiB) expect(offset, 3 * kMiB);
}

TEST_F(JournalReaderTest, JumpsAsItIsTold) {
  make(16 * kMiB);
  std::mt19937_64 random(7);
  for (int i = 0; i < 300; ++i)
    expect(random() % (16 * kMiB / 4096) * 4096, 8 + random() % (6 * kMiB) / 8 * 8);
}

TEST_F(JournalReaderTest, GivesNothingBehindTheEnd) {
  make(kMiB + 512);
  expect(kMiB, 4096);
  const auto behind = reader_->at(kMiB + 512, 8);
  ASSERT_TRUE(behind);
  EXPECT_TRUE(behind->empty());
}

TEST_F(JournalReaderTest, SaysThatTheFileBecameShorter) {
  make(12 * kMiB);
  expect(0, kMiB);
  ASSERT_TRUE(files_.open(kFile, {.mode = base::OpenMode::create_or_trim}));
  EXPECT_FALSE(reader_->at(8 * kMiB, kMiB));
}

}  // namespace
}  // namespace geminga::storage
