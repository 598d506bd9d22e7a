#include <algorithm>
#include <functional>
#include <map>
#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fault_file_system.hpp"
#include "storage/journal_files.hpp"
#include "storage/journal_format.hpp"
#include "storage/log.hpp"
#include "storage/testing.hpp"

namespace geminga::storage {
namespace {

using base::FaultFileSystem;
using Loss = FaultFileSystem::Loss;
using testing::append_of;
using testing::commit;

constexpr TopicId kLeft{1};
constexpr TopicId kRight{2};
constexpr TopicId kDropped{3};
constexpr SubscriptionId kSubscription{8};
constexpr char kDirectory[] = "/data";

LogOptions options_with(UnsafeOptions unsafe) {
  return {.directory = kDirectory,
          .directory_uuid = testing::kUuid,
          .journal_bytes_max = 1 << 20,
          .journal_file_bytes = 32 << 10,
          .memory_table_bytes = 24 << 10,
          .unsafe = unsafe};
}

std::string body(const char* topic, std::uint64_t number) {
  std::string text = fmt::format("{} {} ", topic, number);
  // The right topic is the big one: when it is trimmed, little of a segment lives.
  const std::uint64_t most = topic[0] == 'r' ? 4'500 : 700;
  text.resize(text.size() + number * 131 % most, static_cast<char>('a' + number % 26));
  return text;
}

/// What a client knows: answers it got, and what it had asked for when the power went.
struct Knowledge {
  std::uint64_t asked = 0;     ///< steps submitted
  std::uint64_t answered = 0;  ///< steps answered with success
  std::vector<std::pair<TopicId, std::string>> delivered;
  std::uint64_t rewritten = 0;  ///< segments
};

class Listener final : public LogListener {
 public:
  explicit Listener(Knowledge& knowledge) : knowledge_(knowledge) {}
  void on_durable(std::span<const Entry> entries) override {
    for (const Entry& entry : entries) knowledge_.delivered.emplace_back(entry.header.topic, entry.body);
  }
  void on_disk_error(const Error&) override {}

 private:
  Knowledge& knowledge_;
};

constexpr std::uint64_t kSteps = 60;
constexpr std::uint64_t kTrimEvery = 15;

/// Step i publishes entry i of both topics and acknowledges entry i of the left one: whole or not at all.
std::vector<Operation> step(std::uint64_t i) {
  std::vector<Operation> operations;
  if (i == 0) {
    operations.emplace_back(SetCursor{.topic = kLeft, .subscription = kSubscription, .next = EntryId{0}});
    operations.emplace_back(append_of(kDropped, "gone"));
  }
  operations.emplace_back(append_of(kLeft, body("left", i)));
  operations.emplace_back(append_of(kRight, body("right", i)));
  // Odd entries only, so that ranges stay open.
  if (i % 2 == 1)
    operations.emplace_back(Acknowledge{
        .topic = kLeft, .subscription = kSubscription, .ranges = {{EntryId{i}, EntryId{i}}}, .batches = {}});
  if (i % kTrimEvery == kTrimEvery - 1)
    operations.emplace_back(Trim{.topic = kRight, .before = EntryId{i - 4}});
  return operations;
}

Result<std::unique_ptr<Log>> open(FaultFileSystem& files, LogListener& listener, UnsafeOptions unsafe) {
  return Log::open(files, base::Clock::system(), options_with(unsafe), {kLeft, kRight}, {kDropped}, listener);
}

/// Runs the steps that are left until one is not answered with success.
Knowledge work(FaultFileSystem& files, UnsafeOptions unsafe, std::uint64_t first = 0) {
  Knowledge knowledge{.asked = first, .answered = first, .delivered = {}};
  Listener listener(knowledge);
  auto log =
      Log::open(files, base::Clock::system(), options_with(unsafe), {kLeft, kRight, kDropped}, {}, listener);
  if (!log) return knowledge;
  for (std::uint64_t i = first; i < kSteps; ++i) {
    knowledge.asked = i + 1;
    if (!commit(**log, step(i))) return knowledge;
    knowledge.answered = i + 1;
  }
  static_cast<void>((*log)->close());
  knowledge.rewritten = (*log)->stats().segments_rewritten;
  return knowledge;
}

/// What is wrong with the disk of a machine that came back; nothing when all is well.
std::vector<std::string> check(FaultFileSystem& files, const Knowledge& knowledge, UnsafeOptions unsafe) {
  Knowledge again;
  Listener listener(again);
  auto log = open(files, listener, unsafe);
  if (!log) return {"it does not open: " + log.error().message};
  std::vector<std::string> wrong;
  std::map<TopicId, TopicState> state;
  (*log)->visit([&](TopicId topic, const TopicState& recovered) { state[topic] = recovered; });
  const std::uint64_t steps = state[kLeft].next.value;
  if (steps < knowledge.answered)
    wrong.push_back(fmt::format("{} answered, {} there", knowledge.answered, steps));
  if (steps > knowledge.asked) wrong.push_back(fmt::format("{} asked, {} there", knowledge.asked, steps));
  if (state[kRight].next != state[kLeft].next) wrong.push_back("half a step is there");
  const std::uint64_t trimmed = steps < kTrimEvery ? 0 : steps / kTrimEvery * kTrimEvery - 5;
  if (state[kRight].first.value != trimmed) wrong.push_back("a trim is lost or came too early");
  for (const auto& [topic, name] : {std::pair(kLeft, "left"), std::pair(kRight, "right")}) {
    const auto bodies = testing::read_all(**log, topic);
    if (!bodies) {
      wrong.push_back(bodies.error().message);
      continue;
    }
    const std::uint64_t first = state[topic].first.value;
    if (bodies->size() != steps - first) wrong.push_back("the number of entries does not fit");
    for (std::uint64_t i = 0; i < bodies->size(); ++i) {
      if ((*bodies)[i] != body(name, first + i))
        wrong.push_back(fmt::format("{} {} is another one", name, first + i));
    }
  }
  for (const auto& [topic, text] : knowledge.delivered) {
    if (topic != kLeft) continue;
    const std::uint64_t number = std::stoull(text.substr(5));
    if (number >= steps) wrong.push_back(fmt::format("left {} was delivered and is gone", number));
  }
  if (steps > 0) {
    const CursorState& cursor = state[kLeft].cursors[kSubscription];
    std::uint64_t acknowledged = 0;
    for (const EntryRange& range : cursor.acknowledged)
      acknowledged += range.last.value - range.first.value + 1;
    if (cursor.next.value != 0 || acknowledged != steps / 2) wrong.push_back("acknowledgements do not fit");
  }
  return wrong;
}

struct Crash {
  Loss loss;
  std::uint64_t seed;
};
const std::vector<Crash> kCrashes{{Loss::nothing, 0}, {Loss::everything, 0}, {Loss::names, 0},
                                  {Loss::tail, 1},    {Loss::tail, 2},       {Loss::torn, 3},
                                  {Loss::torn, 4}};

/// Stops the power before every operation of the workload in turn; what was found wrong.
std::vector<std::string> crash_everywhere(UnsafeOptions unsafe, std::uint64_t stride,
                                          bool stop_at_first_fault) {
  std::vector<std::string> found;
  for (std::uint64_t number = 1;; number += stride) {
    FaultFileSystem files;
    files.stop_at(number);
    const Knowledge knowledge = work(files, unsafe);
    for (const Crash& crash : kCrashes) {
      const auto image = files.crash(crash.loss, crash.seed + number);
      for (const std::string& wrong : check(*image, knowledge, unsafe))
        found.push_back(
            fmt::format("operation {}, loss {}: {}", number, static_cast<int>(crash.loss), wrong));
    }
    if (stop_at_first_fault && !found.empty()) return found;
    if (files.operations() < number) return found;  // the whole workload ran
  }
}

TEST(LogCrashTest, KeepsItsPromisesWhereverThePowerGoes) {
  EXPECT_THAT(crash_everywhere({}, 1, true), ::testing::IsEmpty());
}

// Negative controls: each broken promise must be seen, else the test above proves nothing.
TEST(LogCrashTest, SeesAMissingSync) {
  EXPECT_FALSE(crash_everywhere({.no_fsync = true}, 1, true).empty());
}
TEST(LogCrashTest, SeesAnAnswerBeforeTheSync) {
  EXPECT_FALSE(crash_everywhere({.ack_before_sync = true}, 1, true).empty());
}
TEST(LogCrashTest, SeesAMissingDirectorySync) {
  EXPECT_FALSE(crash_everywhere({.no_dirsync = true}, 1, true).empty());
}
TEST(LogCrashTest, SeesAMissingChecksum) {
  EXPECT_FALSE(crash_everywhere({.skip_crc = true}, 1, true).empty());
}

TEST(LogCrashTest, SurvivesCrashesDuringRecovery) {
  FaultFileSystem files;
  files.stop_at(120);
  const Knowledge knowledge = work(files, {});
  ASSERT_GT(knowledge.answered, 0U);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    auto image = files.crash(Loss::torn, seed);
    // A crash loop: recovery is stopped at operation 1, 2, 3 ... until it comes through.
    for (std::uint64_t number = 1; number < 30; ++number) {
      image->stop_at(number);
      {
        Knowledge ignored;
        Listener listener(ignored);
        static_cast<void>(open(*image, listener, {}));
      }
      image = image->crash(number % 2 == 0 ? Loss::everything : Loss::torn, seed + number);
    }
    EXPECT_THAT(check(*image, knowledge, {}), ::testing::IsEmpty()) << "seed " << seed;
  }
}

/// A disk whose last group is torn, and where in its file that group begins.
struct TornDisk {
  std::unique_ptr<FaultFileSystem> files;
  std::uint64_t offset = 0;
};

TornDisk torn_disk(std::uint64_t groups) {
  FaultFileSystem files;
  Knowledge ignored;
  Listener listener(ignored);
  auto log = Log::open(files, base::Clock::system(), options_with({}), {kLeft}, {}, listener).value();
  for (std::uint64_t i = 0; i < groups; ++i) {
    std::vector<Operation> operations;
    operations.emplace_back(append_of(kLeft, body("left", i)));
    EXPECT_TRUE(commit(*log, std::move(operations)));
  }
  TornDisk disk{.files = files.crash(Loss::nothing, 0)};
  const auto entries = disk.files->list(kDirectory).value();
  for (const base::DirectoryEntry& entry : entries) {
    if (!journal_generation(entry.name)) continue;
    const std::filesystem::path path = std::filesystem::path(kDirectory) / entry.name;
    std::string content = disk.files->content(path);
    for (std::uint64_t at = 0; at < content.size(); at += kGroupAlignment) {
      const auto header =
          decode_group_header(std::as_bytes(std::span(content)).subspan(at, kGroupHeaderBytes));
      if (!header || header->number != groups) continue;
      content[at + kGroupHeaderBytes + header->bytes - 9] ^= 1;
      disk.offset = at;
      disk.files->put(path, content);
      return disk;
    }
  }
  ADD_FAILURE() << "no file holds group " << groups;
  return disk;
}

TEST(LogCrashTest, ATornGroupAtTheBeginOfAFileDoesNotOutliveTheNextGroups) {
  std::uint64_t groups = 2;
  TornDisk disk = torn_disk(groups);
  while (disk.offset != 0) disk = torn_disk(++groups);
  // Recovery and the group that takes the number of the torn one are stopped at operation 1, 2, 3 ...
  for (std::uint64_t number = 1; number < 60; ++number) {
    const auto image = disk.files->crash(Loss::nothing, 0);
    image->stop_at(number);
    Knowledge ignored;
    Listener listener(ignored);
    {
      auto log = open(*image, listener, {});
      std::vector<Operation> operations;
      operations.emplace_back(append_of(kLeft, "again"));
      if (log) static_cast<void>(commit(**log, std::move(operations)));
    }
    for (const Loss loss : {Loss::nothing, Loss::everything, Loss::names}) {
      const auto after = image->crash(loss, 0);
      const auto log = open(*after, listener, {});
      ASSERT_TRUE(log) << "operation " << number << ": " << log.error().message;
      const auto bodies = testing::read_all(**log, kLeft);
      ASSERT_TRUE(bodies) << "operation " << number << ": " << bodies.error().message;
      ASSERT_GE(bodies->size(), groups - 1);
      ASSERT_LE(bodies->size(), groups);
    }
  }
}

TEST(LogCrashTest, AFailedWriteOrSyncEndsTheLogAndLosesNothing) {
  FaultFileSystem counting;
  EXPECT_GT(work(counting, {}).rewritten, 0U);
  const std::uint64_t operations = counting.operations();
  ASSERT_GT(operations, 100U);
  for (std::uint64_t number = 1; number <= operations; ++number) {
    FaultFileSystem files;
    files.fail_at(number, ErrorCode::disk_error);
    const Knowledge knowledge = work(files, {});
    for (const Crash& crash : kCrashes) {
      const auto image = files.crash(crash.loss, number);
      ASSERT_THAT(check(*image, knowledge, {}), ::testing::IsEmpty())
          << "operation " << number << ", loss " << static_cast<int>(crash.loss);
    }
  }
}

}  // namespace
}  // namespace geminga::storage
