#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "base/file_system.hpp"
#include "storage/directory.hpp"
#include "storage/metadata.hpp"
#include "storage/testing.hpp"

namespace geminga::storage::testing {

/// A data directory on the real disk with one topic, in use as by a broker. Tests only.
class StoredDirectory {
 public:
  enum class Table : std::uint8_t {
    small,  ///< entries go to segments, and journal files are used again, all the time
    large,  ///< everything stays in the journal
  };
  explicit StoredDirectory(std::filesystem::path path, Table table = Table::small) : path_(std::move(path)) {
    directory_ = DataDirectory::acquire(base::FileSystem::system(), path_).value();
    metadata_ = MetadataStore::open(path_ / kMetadataFile, directory_->uuid(), directory_->fresh()).value();
    if (directory_->fresh()) {
      EXPECT_TRUE(
          MetadataStore::wait<void>([&](auto done) { metadata_->create_tenant("public", std::move(done)); }));
      EXPECT_TRUE(MetadataStore::wait<void>(
          [&](auto done) { metadata_->create_namespace("public/default", std::move(done)); }));
      make_topic("orders");
    }
    topic_ = metadata_->topics().value().at(0).id;
    const LogOptions options{.directory = path_,
                             .directory_uuid = directory_->uuid(),
                             .journal_bytes_max = table == Table::small ? 2U << 20 : 64U << 20,
                             .journal_file_bytes = 128 << 10,
                             .memory_table_bytes = table == Table::small ? 128U << 10 : 64U << 20,
                             .metadata_sequence = metadata_->directory().value().sequence,
                             .unsafe = {}};
    log_ = Log::open(base::FileSystem::system(), base::Clock::system(), options, {topic_}, {}, listener_)
               .value();
    log_->needs_metadata(options.metadata_sequence);
  }
  [[nodiscard]] Log& log() { return *log_; }
  [[nodiscard]] MetadataStore& metadata() { return *metadata_; }
  [[nodiscard]] TopicId topic() const { return topic_; }

  /// Entry i, of changing length.
  static std::string body(std::uint64_t i) { return std::to_string(i) + std::string(i * 37 % 3'000, 'b'); }
  void write(std::uint64_t from, std::uint64_t until) {
    for (std::uint64_t i = from; i < until; ++i) ASSERT_TRUE(publish(*log_, topic_, body(i)));
  }
  void make_topic(const std::string& name) {
    const auto made = MetadataStore::wait<TopicRow>(
        [&](auto done) { metadata_->create_topic("persistent://public/default/" + name, std::move(done)); });
    ASSERT_TRUE(made) << made.error().message;
  }

 private:
  const std::filesystem::path path_;
  RecordingListener listener_;
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<MetadataStore> metadata_;
  TopicId topic_;
  std::unique_ptr<Log> log_;
};

}  // namespace geminga::storage::testing
