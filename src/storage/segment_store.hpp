#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
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
  /// What no checkpoint names: left behind by a run that died between a segment and its checkpoint, or that
  /// could not remove it because the directory was copied.
  [[nodiscard]] Result<std::vector<std::uint64_t>> orphans() const;
  /// Every segment file that is there, named by a checkpoint or not.
  [[nodiscard]] Result<std::vector<std::uint64_t>> numbers_on_disk() const;

  // --- background thread (and the start) ---
  /// Writes a new segment and syncs it and the directory. Errors: disk_full, unavailable (both pass),
  /// disk_error; nothing is left behind.
  Result<std::vector<TopicTable::NewExtent>> write(const std::vector<TopicTable::FrozenRun>& runs);
  /// These extents are needed no more. Of segments that were retired: nothing to do.
  void bury(std::span<const Extent> dead);
  /// Segments of which less than half lives, those with the least first, as many as hold `live_bytes_max`
  /// together. Not those that cannot be read whole.
  [[nodiscard]] std::vector<std::uint64_t> sparse(std::uint64_t live_bytes_max) const;
  /// What moves into a new segment: the entries of a live extent from `first` on.
  struct Move {
    TopicId topic;
    Extent from;
    EntryId first;
  };
  /// Writes them, sorted, into one new segment, as write() does; the new extents are in the order of `moves`.
  /// Errors: as write(); corrupted (an extent cannot be read: its segment is kept).
  Result<std::vector<TopicTable::NewExtent>> rewrite(std::span<const Move> moves);
  /// It is damaged or cannot be read: rewriting it would lose what can still be read.
  void keep(std::uint64_t number);
  /// Everything that lived in them lives elsewhere; their files go with remove().
  void retire(std::span<const std::uint64_t> numbers);
  /// Segments without a live extent leave the list; their files go with remove().
  [[nodiscard]] std::vector<std::uint64_t> take_empty();
  Result<> remove(std::span<const std::uint64_t> numbers);
  [[nodiscard]] std::vector<Checkpoint::Segment> list() const;
  [[nodiscard]] std::uint64_t next_number() const { return next_number_; }

  // --- any thread ---
  /// Errors: not_found (removed meanwhile), corrupted, disk_error.
  Result<std::shared_ptr<SegmentReader>> reader(std::uint64_t number);
  /// The extents that the segment was written with. Errors: as reader().
  Result<std::vector<FooterLine>> read_footer(std::uint64_t number);
  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct Segment {
    std::uint64_t bytes = 0;
    std::uint64_t live_extents = 0;
    std::uint64_t live_bytes = 0;
    bool kept = false;  ///< see keep()
  };
  /// The entries of run i; valid until the next call.
  using Runs = std::function<Result<std::span<const Entry>>(std::size_t i)>;
  Result<std::vector<TopicTable::NewExtent>> write_new(std::size_t count, const Runs& runs);
  Result<std::vector<Entry>> read_whole(const Move& move);
  Result<> sync_names();
  [[nodiscard]] std::filesystem::path path_of(std::uint64_t number) const;

  base::FileSystem& files_;
  const SegmentStoreOptions options_;
  std::uint64_t next_number_ = 1;  // background thread

  mutable std::mutex mutex_;  // guards what follows
  std::map<std::uint64_t, Segment> segments_;
  std::map<std::uint64_t, std::shared_ptr<SegmentReader>> readers_;
};

}  // namespace geminga::storage
