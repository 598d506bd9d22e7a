#include "storage/segment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fault_file_system.hpp"
#include "base/try.hpp"
#include "storage/segment_format.hpp"
#include "storage/testing.hpp"
#include "storage/worked_example.hpp"

namespace geminga::storage {
namespace {

constexpr TopicId kTopic{4};
constexpr char kPath[] = "/data/segment-0000000000000007.seg";
const RawUuid kDirectory = raw_uuid(testing::kUuid);

class SegmentTest : public ::testing::Test {
 protected:
  static std::vector<Entry> entries(TopicId topic, std::uint64_t first, std::uint64_t count,
                                    std::size_t bytes) {
    std::vector<Entry> entries;
    for (std::uint64_t i = first; i < first + count; ++i) {
      const auto body = std::make_shared<std::string>(std::to_string(i) + std::string(bytes, 's'));
      EntryHeader header{.topic = topic, .ledger = LedgerId{1}, .entry = EntryId{i}, .deliver_at = {}};
      header.body_bytes = static_cast<std::uint32_t>(body->size());
      header.body_crc = base::crc32c(*body);
      entries.push_back({header, *body, body});
    }
    return entries;
  }
  Extent write(std::uint64_t count, std::size_t bytes) {
    const auto writer = SegmentWriter::create(files_, "/data", kDirectory, 7).value();
    EXPECT_TRUE(writer->add(entries(TopicId{1}, 50, 3, 10)));
    const Extent extent = writer->add(entries(kTopic, 100, count, bytes)).value();
    EXPECT_TRUE(writer->finish());
    return extent;
  }
  Result<std::vector<Entry>> read(const Extent& extent, ReadRequest request) {
    GEMINGA_TRY(const auto reader, SegmentReader::open(files_, kPath, kDirectory, 7));
    std::vector<Entry> into;
    std::uint64_t used = 0;
    GEMINGA_TRY_VOID(reader->read(extent, request.from, request, blocks_, into, used));
    return into;
  }

  base::FaultFileSystem files_;
  BlockPool blocks_{1 << 20};
};

TEST_F(SegmentTest, TheWorkedExampleOfTheDocumentationIsRight) {
  const Append append = testing::append_of(TopicId{7}, "hello");
  EntryHeader header{.topic = append.topic, .ledger = LedgerId{1}, .entry = EntryId{0}, .deliver_at = {}};
  header.publish_time = Timestamp{std::chrono::milliseconds{1'700'000'000'000}};
  header.body_bytes = 5;
  header.body_crc = append.body_crc;
  const Entry entry{header, append.body, nullptr};
  const auto writer = SegmentWriter::create(files_, "/data", kDirectory, 1).value();
  const Extent extent = writer->add({&entry, 1}).value();
  ASSERT_EQ(writer->finish().value(), 8'192U);
  const std::string bytes = files_.content("/data/segment-0000000000000001.seg");
  const std::size_t used = kSegmentDataOffset + extent.bytes + kFooterLineBytes;
  const std::string document = testing::format_document("segment.md");
  EXPECT_THAT(document, ::testing::HasSubstr(testing::dump(bytes.substr(0, kSegmentHeaderBytes))));
  EXPECT_THAT(document,
              ::testing::HasSubstr(testing::dump(bytes.substr(kSegmentDataOffset, used - kSegmentDataOffset),
                                                 kSegmentDataOffset)));
  const std::size_t trailer = bytes.size() - kSegmentTrailerBytes;
  EXPECT_THAT(document, ::testing::HasSubstr(testing::dump(bytes.substr(trailer), trailer)));
}

TEST_F(SegmentTest, FindsAnyEntryOfALongExtent) {
  const Extent extent = write(2'000, 300);
  EXPECT_GT(extent.index_count, 5U);
  for (std::uint64_t from = 100; from < 2'100; from += 37) {
    const auto some = read(extent, {.topic = kTopic, .from = EntryId{from}, .entries_max = 3}).value();
    ASSERT_EQ(some.size(), std::min<std::uint64_t>(3, 2'100 - from));
    EXPECT_EQ(some[0].header.entry.value, from);
    EXPECT_TRUE(some[0].body.starts_with(std::to_string(from)));
  }
  EXPECT_EQ(read(extent, {.topic = kTopic, .from = {}, .entries_max = 10'000, .bytes_max = 100 << 20})
                .value()
                .size(),
            2'000U);
}

TEST_F(SegmentTest, ReadsAnEntryThatIsLargerThanTheLimit) {
  const Extent extent = write(3, 300'000);
  const auto one = read(extent, {.topic = kTopic, .from = EntryId{101}, .bytes_max = 1'000}).value();
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].body.size(), 300'003U);
}

TEST_F(SegmentTest, WhatIsReadInTurnIsReadOnce) {
  const Extent extent = write(8'000, 1'000);
  const std::uint64_t before = files_.bytes_read();
  std::uint64_t requests = 0;
  for (EntryId next = extent.first; next <= extent.last; ++requests) {
    const auto some =
        read(extent, {.topic = kTopic, .from = next, .entries_max = 2'000, .bytes_max = 2 << 20}).value();
    ASSERT_FALSE(some.empty());
    EXPECT_GE(some.size(), std::min<std::uint64_t>(1'500, extent.last.value - next.value + 1));
    next = EntryId{some.back().header.entry.value + 1};
  }
  const std::uint64_t read = files_.bytes_read() - before;
  EXPECT_LT(read, extent.bytes + requests * 2 * kIndexStepBytes + (extent.bytes >> 3)) << requests;
}

TEST_F(SegmentTest, HeadersComeWithoutBodiesWhateverTheSizeOfThese) {
  for (const std::size_t bytes : {1U, 5'000U, 100'000U, 300'000U}) {
    const Extent extent = write(30, bytes);
    for (const std::uint64_t from : {0ULL, 117ULL}) {
      const auto all =
          read(extent, {.topic = kTopic, .from = EntryId{from}, .bytes_max = 1, .headers_only = true})
              .value();
      ASSERT_EQ(all.size(), from == 0 ? 30U : 13U) << bytes;
      for (const Entry& entry : all) {
        EXPECT_EQ(entry.header.entry.value, std::max<std::uint64_t>(from, 100) + (&entry - all.data()));
        EXPECT_TRUE(entry.body.empty());
      }
    }
    const auto some =
        read(extent, {.topic = kTopic, .from = EntryId{102}, .entries_max = 3, .headers_only = true});
    EXPECT_EQ(some.value().size(), 3U);
  }
}

TEST_F(SegmentTest, HeadersOfADamagedExtentAreRefusedAndItsBodiesNotLookedAt) {
  const Extent extent = write(4, 20);
  const std::string content = files_.content(kPath);
  std::string hurt = content;
  hurt[extent.offset + 100] ^= 1;  // a body
  files_.put(kPath, hurt);
  EXPECT_EQ(read(extent, {.topic = kTopic, .from = {}, .headers_only = true}).value().size(), 4U);
  hurt = content;
  hurt[extent.offset + 10] ^= 1;
  files_.put(kPath, hurt);
  EXPECT_EQ(read(extent, {.topic = kTopic, .from = {}, .headers_only = true}).error().code,
            ErrorCode::corrupted);
}

TEST_F(SegmentTest, NoFlippedBitGivesAWrongBody) {
  const Extent extent = write(4, 20);
  const std::string content = files_.content(kPath);
  const auto expected = read(extent, {.topic = kTopic, .from = {}}).value();
  std::uint64_t seen = 0;
  for (std::uint64_t bit = 0; bit < content.size() * 8; ++bit) {
    if (bit == kSegmentHeaderBytes * 8) bit = kSegmentDataOffset * 8;  // padding of the header block
    std::string flipped = content;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    files_.put(kPath, flipped);
    const auto got = read(extent, {.topic = kTopic, .from = {}});
    if (!got) {
      ++seen;
      ASSERT_EQ(got.error().code, ErrorCode::corrupted);
      continue;
    }
    ASSERT_EQ(got->size(), expected.size());
    for (std::size_t i = 0; i < got->size(); ++i)
      ASSERT_EQ((*got)[i].body, expected[i].body) << "bit " << bit;
  }
  EXPECT_GT(seen, extent.bytes * 8);
}

TEST_F(SegmentTest, VerifyNamesTheTopicOfADamagedExtent) {
  const Extent extent = write(4, 20);
  std::string content = files_.content(kPath);
  content[extent.offset + 120] ^= 1;
  files_.put(kPath, content);
  const auto reader = SegmentReader::open(files_, kPath, kDirectory, 7).value();
  const auto verified = reader->verify(reader->read_footer().value().at(1));
  ASSERT_FALSE(verified);
  EXPECT_THAT(verified.error().message, ::testing::HasSubstr("of topic 4"));
}

// With many topics it is large, and many readers are open at a time.
TEST_F(SegmentTest, WhoReadsEntriesHoldsNoFooter) {
  const Extent extent = write(4, 20);
  std::string content = files_.content(kPath);
  content[extent.offset + extent.bytes] ^= 1;  // the first line
  files_.put(kPath, content);
  EXPECT_EQ(read(extent, {.topic = kTopic, .from = {}}).value().size(), 4U);
  const auto reader = SegmentReader::open(files_, kPath, kDirectory, 7).value();
  EXPECT_EQ(reader->read_footer().error().code, ErrorCode::corrupted);
}

TEST_F(SegmentTest, ATruncatedFileIsRefused) {
  write(4, 20);
  const std::string content = files_.content(kPath);
  for (std::size_t bytes = 0; bytes < content.size(); bytes += 7) {
    files_.put(kPath, content.substr(0, bytes));
    ASSERT_EQ(SegmentReader::open(files_, kPath, kDirectory, 7).error().code, ErrorCode::corrupted);
  }
}

TEST_F(SegmentTest, AForeignFileIsRefused) {
  write(4, 20);
  EXPECT_FALSE(SegmentReader::open(files_, kPath, kDirectory, 8));
  RawUuid other = kDirectory;
  other[3] ^= 1;
  EXPECT_FALSE(SegmentReader::open(files_, kPath, other, 7));
}

}  // namespace
}  // namespace geminga::storage
