#include "storage/topic_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace geminga::storage {
namespace {

constexpr TopicId kTopic{1};

/// Entries in memory, half of them on their way to a segment.
class TopicTableTest : public ::testing::Test {
 protected:
  void publish(std::size_t bytes) {
    Topic* topic = table_.find_or_add(kTopic);
    auto body = std::make_shared<std::string>(bytes, 'x');
    Entry entry{.header = {}, .body = *body, .owner = body};
    entry.header.topic = kTopic;
    entry.header.ledger = LedgerId{1};
    entry.header.entry = topic->state.next;
    entry.header.message_index = topic->state.next_index;
    entry.header.body_bytes = static_cast<std::uint32_t>(bytes);
    AppliedGroup group{.number = ++group_, .entries = {entry}, .others = {}, .memory_bytes = bytes};
    table_.apply(group);
  }
  void freeze() {
    table_.freeze([](const auto&) {});
  }
  std::vector<std::uint64_t> read(ReadRequest request) {
    request.topic = kTopic;
    std::vector<std::uint64_t> ids;
    const auto plan = table_.plan_read(request).value();
    ids.reserve(plan.entries.size());
    for (const Entry& entry : plan.entries) ids.push_back(entry.header.entry.value);
    return ids;
  }

  TopicTable table_;
  std::uint64_t group_ = 0;
};

TEST_F(TopicTableTest, AReadOverTheFrozenEntriesLeavesNoneOut) {
  publish(100);
  publish(5'000);
  freeze();
  publish(100);
  // The second does not fit any more; the third would.
  EXPECT_THAT(read({.topic = kTopic, .from = EntryId{0}, .bytes_max = 1'000}), ::testing::ElementsAre(0));
  EXPECT_THAT(read({.topic = kTopic, .from = EntryId{1}, .bytes_max = 1'000}), ::testing::ElementsAre(1));
  EXPECT_THAT(read({.topic = kTopic, .from = EntryId{0}, .entries_max = 1}), ::testing::ElementsAre(0));
  EXPECT_THAT(read({.topic = kTopic, .from = EntryId{0}, .bytes_max = 10'000}),
              ::testing::ElementsAre(0, 1, 2));
}

TEST_F(TopicTableTest, WhatWasAppliedAfterAFreezeStandsBehindItWhenThatIsTakenBack) {
  publish(100);
  publish(200);
  freeze();
  publish(300);
  table_.thaw();
  EXPECT_EQ(table_.active_bytes(), table_.memory_bytes());
  EXPECT_THAT(read({.topic = kTopic, .from = EntryId{0}}), ::testing::ElementsAre(0, 1, 2));
  freeze();
  const auto runs = table_.frozen_runs();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].entries.size(), 3U);
  EXPECT_EQ(table_.active_bytes(), 0U);
}

}  // namespace
}  // namespace geminga::storage
