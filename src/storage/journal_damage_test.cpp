// Damage of a journal, wherever it strikes: cut, taken offline or refused, never silently wrong.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fault_file_system.hpp"
#include "storage/journal_scan.hpp"
#include "storage/log.hpp"
#include "storage/testing.hpp"

namespace geminga::storage {
namespace {

using base::FaultFileSystem;
using testing::append_of;
using testing::commit;

constexpr char kDirectory[] = "/data";
constexpr TopicId kTopic{1};
constexpr TopicId kOther{2};
constexpr std::uint64_t kGroups = 4;

std::string body(std::uint64_t number) {
  // The last one is longer than a page, so that its group can be torn in the middle.
  return "body " + std::to_string(number) + std::string(number + 1 == kGroups ? 5'000 : 200, 'z');
}

/// A journal of four groups of one record each, as a killed process leaves it.
class JournalDamageTest : public ::testing::Test {
 protected:
  JournalDamageTest() {
    FaultFileSystem files;
    {
      auto log = Log::open(files, base::Clock::system(), options(), {kTopic, kOther}, {}, listener_).value();
      for (std::uint64_t i = 0; i < kGroups; ++i) {
        std::vector<Operation> operations;
        operations.emplace_back(append_of(i % 2 == 0 ? kTopic : kOther, body(i)));
        operations.emplace_back(
            SetCursor{.topic = kTopic, .subscription = SubscriptionId{3}, .next = EntryId{i}});
        EXPECT_TRUE(commit(*log, std::move(operations)));
      }
      image_ = files.crash(FaultFileSystem::Loss::nothing, 0);
    }
    const auto entries = image_->list(kDirectory).value();
    for (const base::DirectoryEntry& entry : entries) {
      if (!journal_generation(entry.name)) continue;
      const std::string content = image_->content(std::filesystem::path(kDirectory) / entry.name);
      if (decode_group_header(std::as_bytes(std::span(content)))) {
        path_ = std::filesystem::path(kDirectory) / entry.name;
        journal_ = content;
      }
    }
    std::uint64_t offset = 0;
    for (std::uint64_t i = 0; i < kGroups; ++i) {
      const auto header = decode_group_header(std::as_bytes(std::span(journal_)).subspan(offset));
      headers_.push_back(header.value());
      starts_.push_back(offset);
      offset += group_bytes(*header);
    }
    starts_.push_back(offset);
  }

  static LogOptions options() {
    return {.directory = kDirectory,
            .directory_uuid = testing::kUuid,
            .journal_file_bytes = 32 << 10,
            .unsafe = {}};
  }

  struct Outcome {
    Result<ScanResult> scan;
    std::vector<std::string> bodies;
    std::vector<TopicId> damaged;
  };
  /// Recovery's reading of the journal with this content.
  Outcome scan(const std::string& content, std::uint64_t covered = 0) {
    image_->put(path_, content);
    Outcome outcome{.scan = ScanResult{}, .bodies = {}, .damaged = {}};
    outcome.scan =
        scan_journal(*image_, {.directory = kDirectory, .uuid = raw_uuid(testing::kUuid), .covered = covered},
                     [&](const ScannedGroup& group) {
                       for (const JournalRecord& record : group.parsed.records) {
                         for (const std::string_view one : record.bodies) outcome.bodies.emplace_back(one);
                         for (const std::size_t damaged : record.damaged) {
                           EXPECT_EQ(damaged, 0U);
                           outcome.damaged.push_back(std::get<EntryHeader>(record.operations[0]).topic);
                         }
                       }
                       return Result<>();
                     });
    return outcome;
  }
  static void expect_bodies(const Outcome& outcome, std::uint64_t count) {
    ASSERT_EQ(outcome.bodies.size(), count);
    for (std::uint64_t i = 0; i < count; ++i) ASSERT_EQ(outcome.bodies[i], body(i));
  }
  Result<std::unique_ptr<Log>> open(const std::string& content) {
    image_->put(path_, content);
    return Log::open(*image_, base::Clock::system(), options(), {kTopic, kOther}, {}, listener_);
  }
  [[nodiscard]] std::uint64_t last_byte_used() const {
    return starts_[kGroups - 1] + kGroupHeaderBytes + headers_[kGroups - 1].bytes;
  }

  testing::RecordingListener listener_;
  std::unique_ptr<FaultFileSystem> image_;
  std::filesystem::path path_;
  std::string journal_;
  std::vector<GroupHeader> headers_;
  std::vector<std::uint64_t> starts_;
};

TEST_F(JournalDamageTest, ATailTornAtAnyByteIsCut) {
  for (std::uint64_t cut = starts_[kGroups - 1]; cut < last_byte_used(); ++cut) {
    // What was not written is what stood there before (zeros), or the file ends.
    std::string zeroed = journal_;
    std::fill(zeroed.begin() + static_cast<std::ptrdiff_t>(cut), zeroed.end(), '\0');
    for (const std::string& content : {zeroed, journal_.substr(0, cut)}) {
      const Outcome outcome = scan(content);
      // A tail of zeros may end in a byte that is zero anyway.
      if (content == journal_) continue;
      ASSERT_TRUE(outcome.scan) << cut << ": " << outcome.scan.error().message;
      ASSERT_EQ(outcome.scan->last_group, kGroups - 1) << cut;
      expect_bodies(outcome, kGroups - 1);
    }
  }
}

TEST_F(JournalDamageTest, ACutTailIsCountedAndItsIdsAreGivenAgain) {
  std::string content = journal_;
  content[last_byte_used() - 100] ^= 1;
  auto log = open(content).value();
  EXPECT_EQ(log->stats().torn_bytes_cut, group_bytes(headers_[kGroups - 1]));
  EXPECT_EQ(log->state(kOther).value().next.value, 1U);
  EXPECT_EQ(testing::publish(*log, kOther, "new").value().appended[0].entry.value, 1U);
}

TEST_F(JournalDamageTest, NoFlippedBitGoesUnseen) {
  std::uint64_t cut = 0;
  std::uint64_t offline = 0;
  std::uint64_t refused = 0;
  for (std::uint64_t group = 0; group < kGroups; ++group) {
    const std::uint64_t used = starts_[group] + kGroupHeaderBytes + headers_[group].bytes;
    for (std::uint64_t bit = starts_[group] * 8; bit < used * 8; ++bit) {
      std::string content = journal_;
      content[bit / 8] = static_cast<char>(content[bit / 8] ^ (1 << bit % 8));
      const Outcome outcome = scan(content);
      if (!outcome.scan) {
        ASSERT_EQ(outcome.scan.error().code, ErrorCode::corrupted);
        ASSERT_LT(group + 1, kGroups) << "a torn tail must not refuse the start";
        ++refused;
      } else if (!outcome.damaged.empty()) {
        ASSERT_EQ(outcome.damaged.size(), 1U);
        ASSERT_EQ(outcome.damaged[0], group % 2 == 0 ? kTopic : kOther);
        ASSERT_EQ(outcome.scan->last_group, kGroups);
        ++offline;
      } else if (outcome.scan->last_group == kGroups) {
        // The few bytes that round a record up to eight.
        expect_bodies(outcome, kGroups);
        ASSERT_GE(bit / 8, used - kRecordAlignment);
      } else {
        ASSERT_EQ(group + 1, kGroups) << "bit " << bit;
        expect_bodies(outcome, kGroups - 1);
        ++cut;
      }
    }
  }
  EXPECT_GT(cut, 0U);
  EXPECT_GT(offline, 0U);
  EXPECT_GT(refused, 0U);
}

TEST_F(JournalDamageTest, ADamagedBodyTakesItsTopicOfflineAndNoOther) {
  std::string content = journal_;
  content[starts_[0] + kGroupHeaderBytes + headers_[0].bytes - 50] ^= 4;  // in the first body
  for (int start = 0; start < 2; ++start) {
    auto log = open(content).value();
    EXPECT_THAT(log->state(kTopic).value().offline_reason, ::testing::HasSubstr("entry 1:0 of topic 1"));
    EXPECT_EQ(testing::read(*log, {.topic = kTopic, .from = {}}).error().code, ErrorCode::topic_offline);
    EXPECT_EQ(testing::publish(*log, kTopic, "x").error().code, ErrorCode::topic_offline);
    EXPECT_EQ(testing::read_all(*log, kOther).value().size(), 2U + static_cast<std::size_t>(start));
    EXPECT_TRUE(testing::publish(*log, kOther, "x"));
    ASSERT_TRUE(log->close());
    content = image_->content(path_);  // from here on the checkpoint knows
  }
}

TEST_F(JournalDamageTest, ATornGroupStillProvesThatTheOneBeforeItWasDurable) {
  // The power went while the last group was written; only its first page is there.
  std::string torn = journal_;
  std::fill(torn.begin() + static_cast<std::ptrdiff_t>(starts_[kGroups - 1] + kGroupHeaderBytes), torn.end(),
            '\0');
  const std::uint64_t before = kGroups - 2;
  std::string in_body = torn;
  in_body[starts_[before] + kGroupHeaderBytes + headers_[before].bytes - 50] ^= 4;
  const Outcome outcome = scan(in_body);
  ASSERT_TRUE(outcome.scan) << outcome.scan.error().message;
  EXPECT_THAT(outcome.damaged, ::testing::ElementsAre(kTopic));
  EXPECT_EQ(outcome.scan->last_group, kGroups - 1);
  EXPECT_EQ(outcome.scan->torn_bytes, group_bytes(headers_[kGroups - 1]));
  std::string in_headers = torn;
  in_headers[starts_[before] + kGroupHeaderBytes] ^= 4;
  EXPECT_EQ(scan(in_headers).scan.error().code, ErrorCode::corrupted);
}

TEST_F(JournalDamageTest, WhatTheCheckpointCoversMayBeDamaged) {
  constexpr std::uint64_t kCovered = 2;
  for (std::uint64_t group = 0; group < kGroups; ++group) {
    std::string content = journal_;
    content[starts_[group] + 20] ^= 1;
    const Outcome outcome = scan(content, kCovered);
    if (group < kCovered) {
      ASSERT_TRUE(outcome.scan) << outcome.scan.error().message;
      EXPECT_THAT(outcome.bodies, ::testing::ElementsAre(body(2), body(3)));
      EXPECT_EQ(outcome.scan->tail.value().first, starts_[kCovered]);
    } else if (group + 1 < kGroups) {
      EXPECT_EQ(outcome.scan.error().code, ErrorCode::corrupted);
    } else {
      EXPECT_THAT(outcome.bodies, ::testing::ElementsAre(body(2)));
    }
  }
}

TEST_F(JournalDamageTest, TheOtherBodiesOfADamagedGroupStayAsTheyWere) {
  // Two groups that the reader cannot hold together.
  const std::string first(3 << 20, 'a');
  const std::string second(3 << 20, 'b');
  FaultFileSystem files;
  {
    auto log = Log::open(files, base::Clock::system(), options(), {kTopic, kOther}, {}, listener_).value();
    std::vector<Operation> operations;
    operations.emplace_back(append_of(kTopic, "to be damaged"));
    operations.emplace_back(append_of(kOther, first));
    ASSERT_TRUE(commit(*log, std::move(operations)));
    ASSERT_TRUE(testing::publish(*log, kOther, second));
    image_ = files.crash(FaultFileSystem::Loss::nothing, 0);
  }
  std::string content = image_->content(path_);
  content.at(content.find("to be damaged")) ^= 1;
  const auto log = open(content).value();
  EXPECT_FALSE(log->state(kTopic).value().offline_reason.empty());
  const auto bodies = testing::read_all(*log, kOther).value();
  ASSERT_EQ(bodies.size(), 2U);
  EXPECT_TRUE(bodies[0] == first);
  EXPECT_TRUE(bodies[1] == second);
}

/// A file behind the journal that begins with this group, of which only the header was written.
class JournalTornRollTest : public JournalDamageTest {
 protected:
  JournalTornRollTest() {
    const GroupHeader torn = header(1);
    std::string file(options().journal_file_bytes, '\0');
    encode_group_header(torn, std::as_writable_bytes(std::span(file)));
    image_->put(path(1), file);
  }
  [[nodiscard]] GroupHeader header(std::uint64_t files_behind) const {
    GroupHeader header = headers_[0];
    header.generation += files_behind;
    header.number = kGroups + 1;
    header.durable = kGroups;
    return header;
  }
  [[nodiscard]] std::filesystem::path path(std::uint64_t files_behind) const {
    return std::filesystem::path(kDirectory) / journal_file_name(headers_[0].generation + files_behind);
  }
};

TEST_F(JournalTornRollTest, TheFileIsNotKept) {
  const Outcome outcome = scan(journal_);
  ASSERT_TRUE(outcome.scan);
  expect_bodies(outcome, kGroups);
  EXPECT_GT(outcome.scan->torn_bytes, 0U);
  // Kept as it is, it would be met again by a crash before it is used, beside a new group of this number.
  EXPECT_THAT(outcome.scan->torn, ::testing::Contains(path(1)));
  auto log = open(journal_).value();
  EXPECT_EQ(image_->content(path(1)), "");
}

TEST_F(JournalTornRollTest, AWholeGroupOfItsNumberBehindItIsNotDropped) {
  std::string whole = journal_.substr(starts_[0], starts_[1]);
  encode_group_header(header(2), std::as_writable_bytes(std::span(whole)));
  image_->put(path(2), whole);
  const Outcome outcome = scan(journal_);
  ASSERT_FALSE(outcome.scan);
  EXPECT_EQ(outcome.scan.error().code, ErrorCode::corrupted);
}

TEST_F(JournalDamageTest, ALostPageInFrontOfValidGroupsRefusesTheStart) {
  std::string content = journal_;
  std::fill_n(content.begin() + static_cast<std::ptrdiff_t>(starts_[1]), kGroupAlignment, '\0');
  const auto log = open(content);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::corrupted);
  EXPECT_EQ(image_->content(path_), content);  // nothing was changed
}

TEST_F(JournalDamageTest, GroupsOfAnOlderLifeOfTheFileAreNoDamage) {
  // A recycled file: behind the new groups stand complete ones of a lower generation, with higher numbers
  // too.
  std::string content = journal_;
  GroupHeader stale = headers_[kGroups - 1];
  stale.generation -= 1;
  stale.number += 10;
  std::string old = journal_.substr(starts_[kGroups - 1], group_bytes(stale));
  encode_group_header(stale, std::as_writable_bytes(std::span(old)));
  std::copy(old.begin(), old.end(), content.begin() + static_cast<std::ptrdiff_t>(starts_[kGroups]));
  const Outcome outcome = scan(content);
  ASSERT_TRUE(outcome.scan);
  expect_bodies(outcome, kGroups);
}

TEST_F(JournalDamageTest, AGroupInsideAMessageOfATornGroupIsNoDamage) {
  // A copy of this very journal was on its way through the bus when the power went.
  GroupHeader torn = headers_[0];
  torn.number = kGroups + 1;
  torn.bytes = 2 * kGroupAlignment;
  GroupHeader inside = headers_[0];
  inside.number = kGroups + 2;
  std::string copy = journal_.substr(starts_[0], group_bytes(inside));
  encode_group_header(inside, std::as_writable_bytes(std::span(copy)));
  const std::uint64_t end = starts_[kGroups - 1] + group_bytes(headers_[kGroups - 1]);
  std::string content = journal_.substr(0, end) + std::string(kGroupAlignment, '\0') + copy;
  content.resize(end + group_bytes(torn));
  encode_group_header(torn, std::as_writable_bytes(std::span(content)).subspan(end));
  const Outcome outcome = scan(content);
  ASSERT_TRUE(outcome.scan) << outcome.scan.error().message;
  expect_bodies(outcome, kGroups);
  EXPECT_EQ(outcome.scan->torn_bytes, group_bytes(torn));
}

TEST_F(JournalDamageTest, AMissingFileIsAGap) {
  // The journal begins with group 3: what was in front of it is gone.
  const Outcome outcome = scan(journal_.substr(starts_[2]));
  ASSERT_FALSE(outcome.scan);
  EXPECT_EQ(outcome.scan.error().code, ErrorCode::corrupted);
}

TEST_F(JournalDamageTest, AnotherDirectorysJournalIsNotRead) {
  std::string content = journal_;
  for (std::uint64_t i = 0; i < kGroups; ++i) {
    GroupHeader foreign = headers_[i];
    foreign.directory[0] ^= 0xff;
    encode_group_header(foreign, std::as_writable_bytes(std::span(content)).subspan(starts_[i]));
  }
  EXPECT_EQ(scan(content).scan.value().groups, 0U);
}

}  // namespace
}  // namespace geminga::storage
