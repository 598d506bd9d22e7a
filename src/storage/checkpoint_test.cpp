#include "storage/checkpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/testing.hpp"
#include "storage/worked_example.hpp"

namespace geminga::storage {
namespace {

const RawUuid kDirectory = raw_uuid(testing::kUuid);

std::string example() {
  CheckpointStates states(17, LedgerId{5});
  TopicState state{.ledgers = {.current = LedgerId{4}, .past = {{LedgerId{2}, EntryId{5}}}},
                   .first = EntryId{2},
                   .next = EntryId{9},
                   .next_index = 12};
  state.cursors[SubscriptionId{3}] = {.next = EntryId{4},
                                      .acknowledged = {{EntryId{5}, EntryId{6}}},
                                      .batches = {{.entry = EntryId{7}, .acknowledged = {1, 2}}}};
  states.add(
      TopicId{1}, state,
      {{11, {.sequence = 40, .entry = EntryId{6}, .publish_time = Timestamp{std::chrono::milliseconds{77}}}},
       {12, {.sequence = 2, .entry = EntryId{8}}}});
  states.add(TopicId{2}, {.ledgers = {}, .offline_reason = "hurt"}, {});
  Checkpoint rest;
  rest.next_segment = 8;
  rest.metadata_sequence = 33;
  rest.segments = {{7, 4096}};
  rest.extents = {
      {TopicId{1}, {.segment = 7, .first = EntryId{2}, .last = EntryId{8}, .offset = 4096, .bytes = 700}}};
  return encode_checkpoint(kDirectory, states, rest);
}

Result<Checkpoint> decode(const std::string& bytes) {
  return decode_checkpoint(kDirectory, std::as_bytes(std::span(bytes)));
}

TEST(CheckpointTest, TheWorkedExampleOfTheDocumentationIsRight) {
  CheckpointStates states(9, LedgerId{2});
  TopicState state{.ledgers = {.current = LedgerId{1}, .past = {}}, .next = EntryId{1}, .next_index = 1};
  state.last_publish_time = Timestamp{std::chrono::milliseconds{1'700'000'000'000}};
  state.cursors[SubscriptionId{2}] = {
      .next = EntryId{0}, .acknowledged = {{EntryId{3}, EntryId{4}}}, .batches = {}};
  states.add(TopicId{7}, state, {});
  Checkpoint rest;
  rest.next_segment = 2;
  rest.metadata_sequence = 3;
  rest.segments = {{1, 8'192}};
  rest.extents = {{TopicId{7}, {.segment = 1, .offset = 4'096, .bytes = 101}}};
  EXPECT_THAT(testing::format_document("checkpoint.md"),
              ::testing::HasSubstr(testing::dump(encode_checkpoint(kDirectory, states, rest))));
}

TEST(CheckpointTest, ComesBackAsItWas) {
  const Checkpoint checkpoint = decode(example()).value();
  EXPECT_EQ(checkpoint.covered, 17U);
  EXPECT_EQ(checkpoint.next_ledger.value, 5U);
  EXPECT_EQ(checkpoint.next_segment, 8U);
  EXPECT_EQ(checkpoint.metadata_sequence, 33U);
  ASSERT_EQ(checkpoint.topics.size(), 2U);
  const TopicState& state = checkpoint.topics[0].state;
  EXPECT_EQ(state.first.value, 2U);
  EXPECT_EQ(state.next.value, 9U);
  EXPECT_EQ(state.next_index, 12U);
  EXPECT_EQ(state.ledgers.current.value, 4U);
  EXPECT_THAT(state.ledgers.past, ::testing::ElementsAre(Ledgers::Past{LedgerId{2}, EntryId{5}}));
  const CursorState& cursor = state.cursors.at(SubscriptionId{3});
  EXPECT_THAT(cursor.acknowledged, ::testing::ElementsAre(EntryRange{EntryId{5}, EntryId{6}}));
  EXPECT_THAT(cursor.batches, ::testing::ElementsAre(BatchAck{.entry = EntryId{7}, .acknowledged = {1, 2}}));
  EXPECT_EQ(checkpoint.topics[1].state.offline_reason, "hurt");
  ASSERT_EQ(checkpoint.topics[0].sequences.size(), 2U);
  EXPECT_EQ(checkpoint.topics[0].sequences.at(11),
            (SentSequence{40, EntryId{6}, Timestamp{std::chrono::milliseconds{77}}}));
  EXPECT_TRUE(checkpoint.topics[1].sequences.empty());
  ASSERT_EQ(checkpoint.extents.size(), 1U);
  EXPECT_EQ(checkpoint.extents[0].extent.bytes, 700U);
}

TEST(CheckpointTest, EveryFlippedBitIsRefused) {
  const std::string bytes = example();
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    ASSERT_FALSE(decode(flipped)) << "bit " << bit;
  }
}

TEST(CheckpointTest, EveryTruncationIsRefused) {
  const std::string bytes = example();
  for (std::size_t length = 0; length < bytes.size(); ++length)
    ASSERT_FALSE(decode(bytes.substr(0, length))) << length;
}

TEST(CheckpointTest, LedgersThatCannotBeAreRefused) {
  const auto with = [](std::vector<Ledgers::Past> past) {
    CheckpointStates states(1, LedgerId{5});
    states.add(TopicId{1}, {.ledgers = {.current = LedgerId{4}, .past = std::move(past)}, .next = EntryId{9}},
               {});
    return decode(encode_checkpoint(kDirectory, states, {}));
  };
  EXPECT_TRUE(with({{LedgerId{0}, EntryId{2}}, {LedgerId{3}, EntryId{5}}}));
  EXPECT_FALSE(with({{LedgerId{3}, EntryId{2}}, {LedgerId{2}, EntryId{5}}})) << "not ascending";
  EXPECT_FALSE(with({{LedgerId{2}, EntryId{5}}, {LedgerId{3}, EntryId{5}}})) << "without entries";
  EXPECT_FALSE(with({{LedgerId{4}, EntryId{5}}})) << "the one that goes on";
}

TEST(CheckpointTest, AnotherDirectorysIsRefused) {
  RawUuid other = kDirectory;
  other[0] ^= 1;
  const std::string bytes = example();
  EXPECT_EQ(decode_checkpoint(other, std::as_bytes(std::span(bytes))).error().code, ErrorCode::corrupted);
}

}  // namespace
}  // namespace geminga::storage
