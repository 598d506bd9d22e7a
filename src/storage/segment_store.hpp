#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include <geminga/error.hpp>

#include "base/file_system.hpp"
#include "storage/checkpoint.hpp"
#include "storage/segment.hpp"
#include "storage/topic_table.hpp"

namespace geminga::storage {

struct SegmentStoreOptions {
  std::filesystem::path directory;
  RawUuid uuid{};
  bool no_dirsync = false;
  bool skip_crc = false;
};

/// The segments of a directory: which there are, how many live extents each has, and open readers of some.
class SegmentStore {
 public:
  SegmentStore(base::FileSystem& files, SegmentStoreOptions options)
      : files_(files), options_(std::move(options)) {}

  // --- start, one thread ---
  /// Takes over what a checkpoint names. Returns the topics that lost a file, with the reason.
  Result<std::vector<std::pair<TopicId, std::string>>> adopt(const Checkpoint& checkpoint);
  /// Removes what no checkpoint names: left behind by a run that died between a segment and its checkpoint.
  Result<> remove_orphans();
  /// Every segment file that is there, named by a checkpoint or not.
  [[nodiscard]] Result<std::vector<std::uint64_t>> numbers_on_disk() const;

  // --- background thread (and the start) ---
  /// Writes a new segment and syncs it and the directory. Errors: disk_full, disk_error; nothing is left
  /// behind.
  Result<std::vector<TopicTable::NewExtent>> write(const std::vector<TopicTable::FrozenRun>& runs);
  /// These extents are needed no more.
  void bury(std::span<const Extent> dead);
  /// Segments without a live extent leave the list; their files go with remove().
  [[nodiscard]] std::vector<std::uint64_t> take_empty();
  Result<> remove(std::span<const std::uint64_t> numbers);
  [[nodiscard]] std::vector<Checkpoint::Segment> list() const;
  [[nodiscard]] std::uint64_t next_number() const { return next_number_; }

  // --- any thread ---
  /// Errors: not_found (removed meanwhile), corrupted, disk_error.
  Result<std::shared_ptr<SegmentReader>> reader(std::uint64_t number);
  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct Segment {
    std::uint64_t bytes = 0;
    std::uint64_t live_extents = 0;
  };
  [[nodiscard]] std::filesystem::path path_of(std::uint64_t number) const;

  base::FileSystem& files_;
  const SegmentStoreOptions options_;
  std::uint64_t next_number_ = 1;  // background thread

  mutable std::mutex mutex_;  // guards what follows
  std::map<std::uint64_t, Segment> segments_;
  std::map<std::uint64_t, std::shared_ptr<SegmentReader>> readers_;
};

}  // namespace geminga::storage
