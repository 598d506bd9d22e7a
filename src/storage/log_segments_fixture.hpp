#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/fault_file_system.hpp"
#include "storage/log.hpp"
#include "storage/segment_format.hpp"
#include "storage/testing.hpp"

namespace geminga::storage::testing {

inline constexpr TopicId kBig{1};
inline constexpr TopicId kSmall{2};
inline constexpr SubscriptionId kSubscription{5};
inline constexpr char kDirectory[] = "/data";

/// A log whose memory table and journal files are so small that everything behind them happens all the time.
class LogSegmentsTest : public ::testing::Test {
 protected:
  LogOptions options() const {
    return {.directory = kDirectory,
            .directory_uuid = kUuid,
            .journal_bytes_max = 8 << 20,
            .journal_file_bytes = 256 << 10,
            .memory_table_bytes = 512 << 10,
            .unsafe = {}};
  }
  Result<std::unique_ptr<Log>> try_open() {
    return Log::open(files_, base::Clock::system(), options(), {kBig, kSmall}, {}, listener_);
  }
  std::unique_ptr<Log> open() { return try_open().value(); }

  /// Bodies that tell their number, of changing length.
  static std::string body(int number) {
    return std::to_string(number) + std::string(static_cast<std::size_t>(number) * 37 % 5'000, 'b');
  }
  void publish_many(Log& log, int from, int until) {
    for (int i = from; i < until; ++i) {
      std::vector<Operation> step;
      step.emplace_back(append_of(kBig, body(i)));
      if (i % 10 == 0) step.emplace_back(append_of(kSmall, body(i)));
      ASSERT_TRUE(commit(log, std::move(step)));
    }
  }
  void expect_all(Log& log, int count) {
    const auto big = read_all(log, kBig).value();
    ASSERT_EQ(big.size(), static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) ASSERT_EQ(big[static_cast<std::size_t>(i)], body(i));
    EXPECT_EQ(read_all(log, kSmall).value().size(), static_cast<std::size_t>((count + 9) / 10));
  }
  std::vector<std::filesystem::path> segment_files() {
    std::vector<std::filesystem::path> found;
    const auto entries = files_.list(kDirectory).value();
    for (const base::DirectoryEntry& entry : entries) {
      if (segment_number(entry.name)) found.push_back(std::filesystem::path(kDirectory) / entry.name);
    }
    return found;
  }

  base::FaultFileSystem files_;
  RecordingListener listener_;
};

}  // namespace geminga::storage::testing
