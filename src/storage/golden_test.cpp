// A data directory of every released format opens, unchanged in what it says. tests/golden has them.
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/checkpoint.hpp"
#include "storage/directory.hpp"
#include "storage/log.hpp"
#include "storage/metadata.hpp"
#include "storage/segment.hpp"
#include "storage/testing.hpp"

namespace geminga::storage {
namespace {

struct Golden {
  const char* folder;
  char checkpoint;  ///< its format; from 2 on entries are stored once for their producer and sequence id
};
void PrintTo(const Golden& golden, std::ostream* out) {
  *out << golden.folder;
}

class GoldenTest : public ::testing::TestWithParam<Golden> {
 protected:
  GoldenTest() {
    std::filesystem::copy(std::filesystem::path(GEMINGA_SOURCE_DIR) / "tests/golden" / GetParam().folder,
                          path(), std::filesystem::copy_options::recursive);
  }
  [[nodiscard]] std::filesystem::path path() const { return copy_.path() / "data"; }
  [[nodiscard]] std::string checkpoint() const {
    std::ifstream in(path() / kCheckpointFile, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  testing::TemporaryDirectory copy_;
  testing::RecordingListener listener_;
};

TEST_P(GoldenTest, OpensAndHoldsWhatWasWritten) {
  auto& files = base::FileSystem::system();
  const auto directory = DataDirectory::acquire(files, path()).value();
  EXPECT_FALSE(directory->fresh());
  const auto metadata = MetadataStore::open(path() / "metadata.db", directory->uuid(), false).value();
  const auto topics = metadata->topics().value();
  ASSERT_EQ(topics.size(), 1U);
  EXPECT_EQ(topics[0].name, "persistent://public/default/golden");
  const TopicId topic = topics[0].id;
  const SubscriptionId subscription = metadata->subscriptions().value().at(0).id;
  const LogOptions options{.directory = path(), .directory_uuid = directory->uuid(), .unsafe = {}};
  const auto log = Log::open(files, base::Clock::system(), options, {topic}, {}, listener_).value();
  EXPECT_GT(log->stats().segments, 0U);
  // At once: the program that wrote the former one must not take what this one writes.
  EXPECT_EQ(checkpoint().substr(8, 4), std::string({3, 0, 0, 0}));

  std::vector<Entry> entries;
  while (entries.size() < 36) {
    const auto more = testing::read(*log, {.topic = topic, .from = EntryId{entries.size()}}).value();
    ASSERT_FALSE(more.empty());
    entries.insert(entries.end(), more.begin(), more.end());
  }
  ASSERT_EQ(entries.size(), 36U);
  for (std::uint64_t i = 0; i < entries.size(); ++i) {
    const EntryHeader& header = entries[i].header;
    EXPECT_EQ(entries[i].body, fmt::format("golden entry {} {}", i, std::string(i * 29 % 400, 'g')));
    EXPECT_EQ(header.ledger.value, 1U);
    EXPECT_EQ(header.entry.value, i);
    EXPECT_EQ(header.message_index, i);
    EXPECT_EQ(header.key_hash, i * 7);
    EXPECT_EQ(header.producer, 5U);
    EXPECT_EQ(header.sequence, i);
    EXPECT_EQ(header.deliver_at.has_value(), i % 10 == 3);
    EXPECT_EQ(header.format, PayloadFormat::raw);
  }
  const CursorState cursor = log->state(topic).value().cursors.at(subscription);
  EXPECT_EQ(cursor.next.value, 0U);
  ASSERT_EQ(cursor.acknowledged.size(), 6U);
  for (std::uint64_t i = 0; i < 6; ++i) EXPECT_EQ(cursor.acknowledged[i].first.value, 2 + 2 * i);
  EXPECT_THAT(cursor.batches, ::testing::ElementsAre(BatchAck{.entry = EntryId{35}, .acknowledged = {63}}));
  const auto sent = log->sent_sequence(topic, 5);
  ASSERT_EQ(sent.has_value(), GetParam().checkpoint >= 2);
  if (sent) {
    EXPECT_EQ(sent->sequence, 35U);
    EXPECT_EQ(sent->entry.value, 35U);
  }
  EXPECT_EQ(testing::publish(*log, topic, "next").value().appended[0].entry.value, 36U);
}

TEST_P(GoldenTest, ItsCheckpointIsOfTheFormatThatItStandsFor) {
  const std::string bytes = checkpoint();
  EXPECT_EQ(bytes.substr(8, 4), std::string({GetParam().checkpoint, 0, 0, 0}));
  const auto directory = DataDirectory::acquire(base::FileSystem::system(), path()).value();
  const auto decoded =
      decode_checkpoint(raw_uuid(directory->uuid()), std::as_bytes(std::span(bytes))).value();
  ASSERT_EQ(decoded.topics.size(), 1U);
  EXPECT_LT(decoded.topics[0].state.next.value, 36U);  // the rest is in the journal
  EXPECT_EQ(decoded.topics[0].sequences.size(), GetParam().checkpoint == 1 ? 0U : 1U);
}

INSTANTIATE_TEST_SUITE_P(Formats, GoldenTest,
                         ::testing::Values(Golden{"format-1", 1}, Golden{"checkpoint-2", 2}));

}  // namespace
}  // namespace geminga::storage
