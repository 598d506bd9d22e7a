// Every bit of every file of a small directory flipped, every file cut at every byte: a start reads back what
// was written, or says what is wrong. Never a crash, never other bytes, nothing missing in silence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fault_file_system.hpp"
#include "storage/checkpoint.hpp"
#include "storage/journal_files.hpp"
#include "storage/journal_format.hpp"
#include "storage/log.hpp"
#include "storage/testing.hpp"

namespace geminga::storage {
namespace {

using base::FaultFileSystem;

constexpr char kDirectory[] = "/data";
constexpr TopicId kTopic{1};
constexpr std::uint64_t kRecords = 4;
// Zeros between the parts of a file are looked at in steps.
constexpr std::size_t kZeroStep = 251;

LogOptions options() {
  return {.directory = kDirectory,
          .directory_uuid = testing::kUuid,
          .journal_file_bytes = 32 << 10,
          .unsafe = {}};
}
std::string body(std::uint64_t number) {
  return "body " + std::to_string(number);
}

/// Four records, each a group: in a segment after a clean stop, else in the journal.
std::unique_ptr<FaultFileSystem> directory(bool clean) {
  FaultFileSystem files;
  testing::RecordingListener listener;
  auto log = Log::open(files, base::Clock::system(), options(), {kTopic}, {}, listener).value();
  for (std::uint64_t i = 0; i < kRecords; ++i) EXPECT_TRUE(testing::publish(*log, kTopic, body(i)));
  if (clean) {
    EXPECT_TRUE(log->close());
  }
  return files.crash(FaultFileSystem::Loss::nothing, 0);
}

/// The outcome of a start, in words; "all there" or why not.
std::string outcome(const FaultFileSystem& image) {
  const auto files = image.crash(FaultFileSystem::Loss::nothing, 0);
  testing::RecordingListener listener;
  auto log = Log::open(*files, base::Clock::system(), options(), {kTopic}, {}, listener);
  if (!log) return "refused: " + log.error().message;
  const auto bodies = testing::read_all(**log, kTopic);
  if (!bodies) return "offline: " + bodies.error().message;
  for (std::uint64_t i = 0; i < bodies->size(); ++i) {
    if ((*bodies)[i] != body(i)) return "WRONG: entry " + std::to_string(i) + " is another one";
  }
  if (bodies->size() == kRecords) return "all there";
  const auto stats = (*log)->stats();
  return std::string(stats.torn_bytes_cut > 0 ? "cut" : "SILENTLY") + " to " + std::to_string(bodies->size());
}

std::filesystem::path only(FaultFileSystem& files, const std::string& prefix) {
  std::filesystem::path found;
  const auto entries = files.list(kDirectory).value();
  for (const base::DirectoryEntry& entry : entries) {
    const std::filesystem::path path = std::filesystem::path(kDirectory) / entry.name;
    // Of the journal files, the one that was written.
    if (entry.name.starts_with(prefix) && files.content(path).find_first_not_of('\0') != std::string::npos)
      found = path;
  }
  EXPECT_FALSE(found.empty());
  return found;
}

bool interesting(const std::string& content, std::size_t at) {
  if (at % kZeroStep == 0) return true;
  const std::size_t from = at < 8 ? 0 : at - 8;
  return content.find_first_not_of('\0', from) < at + 8;
}

/// Calls with each damaged form of the file, and where the damage begins.
void damage(FaultFileSystem& files, const std::filesystem::path& path,
            const std::function<void(std::size_t at, const std::string& what)>& look) {
  const std::string whole = files.content(path);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    if (!interesting(whole, at)) continue;
    for (int bit = 0; bit < 8; ++bit) {
      std::string content = whole;
      content[at] = static_cast<char>(content[at] ^ (1 << bit));
      files.put(path, content);
      look(at, "bit " + std::to_string(bit) + " of byte " + std::to_string(at) + " flipped");
    }
    files.put(path, whole.substr(0, at));
    look(at, "cut at byte " + std::to_string(at));
  }
  files.put(path, whole);
}

class DamageTest : public ::testing::TestWithParam<const char*> {};

TEST_P(DamageTest, OfACleanDirectoryIsRefusedOrTakesTheTopicOffline) {
  const auto files = directory(true);
  ASSERT_EQ(outcome(*files), "all there");
  std::map<std::string, int> seen;
  damage(*files, only(*files, GetParam()), [&](std::size_t, const std::string& what) {
    const std::string how = outcome(*files);
    ++seen[how.substr(0, how.find(':'))];
    ASSERT_THAT(how.substr(0, how.find(':')), ::testing::AnyOf("all there", "refused", "offline")) << what;
  });
  EXPECT_GT(seen["refused"] + seen["offline"], 100) << "the damage was not seen";
}
INSTANTIATE_TEST_SUITE_P(Files, DamageTest, ::testing::Values("segment-", "checkpoint"));

TEST(JournalFileDamageTest, IsRefusedTakesTheTopicOfflineOrCutsTheLastGroup) {
  const auto files = directory(false);
  ASSERT_EQ(outcome(*files), "all there");
  const std::filesystem::path path = only(*files, "journal-");
  const std::size_t last = (kRecords - 1) * kGroupAlignment;
  const std::string whole = files->content(path);
  const std::size_t used =
      kGroupHeaderBytes + decode_group_header(std::as_bytes(std::span(whole)))->bytes;  // of each group
  damage(*files, path, [&](std::size_t at, const std::string& what) {
    const std::string how = outcome(*files);
    const std::string kind = how.substr(0, how.find(':'));
    if (kind == "all there" || kind == "refused" || kind == "offline") return;
    // Without a valid group behind it, what is damaged cannot be told from what was never finished.
    const std::size_t groups = (at + kGroupAlignment - used) / kGroupAlignment;  // whole in front of it
    const bool cut_short = files->content(path).size() < whole.size();
    ASSERT_TRUE(at >= last || cut_short) << what << ": " << how;
    ASSERT_THAT(how, ::testing::EndsWith(" to " + std::to_string(cut_short ? groups : kRecords - 1))) << what;
    if (kind.starts_with("SILENTLY")) {
      // Not even its header can be read, or the file ends in front of it.
      ASSERT_TRUE(cut_short || at < last + kGroupHeaderBytes) << what << ": " << how;
    }
  });
}

}  // namespace
}  // namespace geminga::storage
