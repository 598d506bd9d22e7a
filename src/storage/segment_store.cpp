#include "storage/segment_store.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/try.hpp"

namespace geminga::storage {
namespace {

// Open files kept for readers. Part of the budget of 1,000 descriptors.
constexpr std::size_t kReadersMax = 256;

}  // namespace

std::filesystem::path SegmentStore::path_of(std::uint64_t number) const {
  return options_.directory / segment_file_name(number);
}

Result<std::vector<std::uint64_t>> SegmentStore::numbers_on_disk() const {
  GEMINGA_TRY(const auto entries, files_.list(options_.directory));
  std::vector<std::uint64_t> numbers;
  for (const base::DirectoryEntry& entry : entries) {
    if (const auto number = segment_number(entry.name)) numbers.push_back(*number);
  }
  return numbers;
}

Result<std::vector<std::pair<TopicId, std::string>>> SegmentStore::adopt(const Checkpoint& checkpoint) {
  const std::lock_guard lock(mutex_);
  next_number_ = checkpoint.next_segment;
  for (const Checkpoint::Segment& segment : checkpoint.segments) {
    segments_[segment.number] = {.bytes = segment.bytes, .live_extents = 0};
  }
  GEMINGA_TRY(const auto there, numbers_on_disk());
  if (!there.empty()) next_number_ = std::max(next_number_, there.back() + 1);
  std::vector<std::pair<TopicId, std::string>> lost;
  for (const Checkpoint::ExtentPart& part : checkpoint.extents) {
    const std::uint64_t number = part.extent.segment;
    const auto segment = segments_.find(number);
    if (segment == segments_.end())
      return fail(
          ErrorCode::corrupted,
          fmt::format("the checkpoint names segment {} without listing it; restore a backup", number));
    segment->second.live_extents += 1;
    if (!std::binary_search(there.begin(), there.end(), number)) {
      lost.emplace_back(part.topic,
                        fmt::format("the file '{}' with entries {} to {} of topic {} is missing; the "
                                    "topic is offline; put the file back or restore a backup",
                                    path_of(number).string(), part.extent.first.value, part.extent.last.value,
                                    part.topic.value));
    }
  }
  return lost;
}

Result<> SegmentStore::remove_orphans() {
  GEMINGA_TRY(const auto there, numbers_on_disk());
  for (const std::uint64_t number : there) {
    const std::lock_guard lock(mutex_);
    if (!segments_.contains(number)) GEMINGA_TRY_VOID(files_.unlink(path_of(number)));
  }
  return {};
}

Result<std::vector<TopicTable::NewExtent>> SegmentStore::write(
    const std::vector<TopicTable::FrozenRun>& runs) {
  std::vector<TopicTable::NewExtent> extents;
  if (runs.empty()) return extents;
  const std::uint64_t number = next_number_++;
  GEMINGA_TRY(const auto writer, SegmentWriter::create(files_, options_.directory, options_.uuid, number));
  for (const TopicTable::FrozenRun& run : runs) {
    GEMINGA_TRY(const Extent extent, writer->add(run.entries));
    extents.push_back({run.topic, extent});
  }
  GEMINGA_TRY(const std::uint64_t bytes, writer->finish());
  if (!options_.no_dirsync) GEMINGA_TRY_VOID(files_.sync_directory(options_.directory));
  const std::lock_guard lock(mutex_);
  segments_[number] = {.bytes = bytes, .live_extents = extents.size()};
  return extents;
}

void SegmentStore::bury(std::span<const Extent> dead) {
  const std::lock_guard lock(mutex_);
  for (const Extent& extent : dead) {
    const auto segment = segments_.find(extent.segment);
    GEMINGA_ASSERT(segment != segments_.end() && segment->second.live_extents > 0);
    segment->second.live_extents -= 1;
  }
}

std::vector<std::uint64_t> SegmentStore::take_empty() {
  std::vector<std::uint64_t> empty;
  const std::lock_guard lock(mutex_);
  for (auto segment = segments_.begin(); segment != segments_.end();) {
    if (segment->second.live_extents > 0) {
      ++segment;
      continue;
    }
    empty.push_back(segment->first);
    readers_.erase(segment->first);
    segment = segments_.erase(segment);
  }
  return empty;
}

Result<> SegmentStore::remove(std::span<const std::uint64_t> numbers) {
  for (const std::uint64_t number : numbers) {
    auto removed = files_.unlink(path_of(number));
    if (!removed && removed.error().code != ErrorCode::not_found) return removed;
  }
  return {};
}

std::vector<Checkpoint::Segment> SegmentStore::list() const {
  std::vector<Checkpoint::Segment> list;
  const std::lock_guard lock(mutex_);
  for (const auto& [number, segment] : segments_) list.push_back({number, segment.bytes});
  return list;
}

Result<std::shared_ptr<SegmentReader>> SegmentStore::reader(std::uint64_t number) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto open = readers_.find(number); open != readers_.end()) return open->second;
    if (!segments_.contains(number))
      return fail(ErrorCode::not_found, fmt::format("segment {} was removed", number));
  }
  GEMINGA_TRY(auto opened,
              SegmentReader::open(files_, path_of(number), options_.uuid, number, !options_.skip_crc));
  std::shared_ptr<SegmentReader> shared = std::move(opened);
  const std::lock_guard lock(mutex_);
  if (!segments_.contains(number)) return shared;  // removed while it was opened; it reads on to its end
  // Which one goes is of little weight: opening again costs three small reads.
  if (readers_.size() >= kReadersMax) readers_.erase(readers_.begin());
  readers_[number] = shared;
  return shared;
}

std::uint64_t SegmentStore::count() const {
  const std::lock_guard lock(mutex_);
  return segments_.size();
}

std::uint64_t SegmentStore::bytes() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t total = 0;
  for (const auto& [number, segment] : segments_) total += segment.bytes;
  return total;
}

}  // namespace geminga::storage
