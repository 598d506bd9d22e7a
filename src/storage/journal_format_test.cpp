#include "storage/journal_format.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "storage/group_builder.hpp"
#include "storage/testing.hpp"
#include "storage/worked_example.hpp"

namespace geminga::storage {
namespace {

/// The group of the worked example, built by the code that the journal uses.
std::string example_group() {
  TopicTable topics;
  base::ManualClock clock;
  GroupBuilder builder(topics, clock, raw_uuid(testing::kUuid), 0);
  Transaction transaction;
  transaction.operations.emplace_back(testing::append_of(TopicId{7}, "hello"));
  transaction.operations.emplace_back(Acknowledge{.topic = TopicId{7},
                                                  .subscription = SubscriptionId{2},
                                                  .ranges = {{EntryId{3}, EntryId{4}}},
                                                  .batches = {}});
  EXPECT_TRUE(builder.check(transaction));
  const std::uint64_t bytes = GroupBuilder::record_bytes_of(transaction);
  std::vector<Submitted> submitted;
  submitted.push_back({.transaction = std::move(transaction)});
  const Group group = builder.build(submitted, bytes, {.generation = 1, .number = 9, .durable = 8});
  return std::string(as_text(group.bytes));
}

TEST(JournalFormatTest, TheWorkedExampleOfTheDocumentationIsRight) {
  const std::string group = example_group();
  ASSERT_EQ(group.size(), kGroupAlignment);
  const auto header = decode_group_header(std::as_bytes(std::span(group)));
  ASSERT_TRUE(header);
  const std::string used = group.substr(0, kGroupHeaderBytes + header->bytes);
  EXPECT_EQ(group.substr(used.size()), std::string(group.size() - used.size(), '\0'));
  EXPECT_THAT(testing::format_document("journal.md"), ::testing::HasSubstr(testing::dump(used)));
}

TEST(JournalFormatTest, AGroupComesBackAsItWas) {
  const std::string group = example_group();
  const auto bytes = std::as_bytes(std::span(group));
  const auto header = decode_group_header(bytes);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->number, 9U);
  EXPECT_EQ(header->durable, 8U);
  const ParsedGroup parsed = parse_group(*header, bytes.subspan(kGroupHeaderBytes, header->bytes));
  ASSERT_TRUE(parsed.intact());
  ASSERT_EQ(parsed.records.size(), 1U);
  EXPECT_THAT(parsed.records[0].bodies, ::testing::ElementsAre("hello"));
  const auto& entry = std::get<EntryHeader>(parsed.records[0].operations[0]);
  EXPECT_EQ(entry.topic.value, 7U);
  EXPECT_EQ(entry.entry.value, 0U);
  EXPECT_EQ(std::get<Acknowledge>(parsed.records[0].operations[1]).ranges[0],
            (EntryRange{EntryId{3}, EntryId{4}}));
}

TEST(JournalFormatTest, NoGroupIsLargerThanTheLargestRecord) {
  std::array<std::byte, kGroupHeaderBytes> bytes{};
  for (const std::uint64_t more : {0, 1}) {
    encode_group_header({.bytes = kRecordBytesMax + more}, bytes);
    EXPECT_EQ(decode_group_header(bytes).has_value(), more == 0);
  }
}

TEST(JournalFormatTest, EveryOperationComesBackAsItWas) {
  const std::vector<JournalOperation> operations{
      Acknowledge{.topic = TopicId{1},
                  .subscription = SubscriptionId{2},
                  .ranges = {{EntryId{1}, EntryId{5}}, {EntryId{9}, EntryId{9}}},
                  .batches = {{.entry = EntryId{7}, .acknowledged = {1, ~0ULL}},
                              {.entry = EntryId{8}, .acknowledged = {}}}},
      SetCursor{.topic = TopicId{1}, .subscription = SubscriptionId{2}, .next = EntryId{77}},
      DropCursor{.topic = TopicId{1}, .subscription = SubscriptionId{2}},
      DropTopic{.topic = TopicId{1}},
      Trim{.topic = TopicId{1}, .before = EntryId{12}},
      EntryHeader{.topic = TopicId{1},
                  .deliver_at = Timestamp{std::chrono::milliseconds{5}},
                  .chunk_index = 1,
                  .chunk_count = 3},
  };
  for (const JournalOperation& operation : operations) {
    std::vector<std::byte> bytes(encoded_bytes(operation));
    encode_operation(operation, bytes);
    const auto decoded = decode_operation(bytes);
    ASSERT_TRUE(decoded) << operation.index();
    EXPECT_EQ(decoded->bytes, bytes.size());
    std::vector<std::byte> again(encoded_bytes(decoded->operation));
    encode_operation(decoded->operation, again);
    EXPECT_EQ(again, bytes);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
      EXPECT_FALSE(decode_operation(std::span(bytes).first(cut))) << operation.index();
  }
}

}  // namespace
}  // namespace geminga::storage
