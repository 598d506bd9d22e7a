#include "storage/segment_store.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/try.hpp"
#include "storage/segment_format.hpp"

namespace geminga::storage {
namespace {

// Kept for readers; each holds up to two descriptors (a second one for reads around the page cache), so 512
// of the budget of 1,000.
constexpr std::size_t kReadersMax = 256;
// Header and footer of a file with little in it; they must not make it look half dead.
constexpr std::uint64_t kFrameBytes = 2 * kSegmentDataOffset;

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
    segments_[segment.number] = {.bytes = segment.bytes};
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
    segment->second.live_bytes += part.extent.bytes;
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

Result<std::vector<std::uint64_t>> SegmentStore::orphans() const {
  GEMINGA_TRY(auto found, numbers_on_disk());
  const std::lock_guard lock(mutex_);
  std::erase_if(found, [this](std::uint64_t number) { return segments_.contains(number); });
  return found;
}

Result<> SegmentStore::sync_names() {
  if (options_.no_dirsync) return {};
  return files_.sync_directory(options_.directory);
}

Result<std::vector<TopicTable::NewExtent>> SegmentStore::write_new(std::size_t count, const Runs& runs) {
  std::vector<TopicTable::NewExtent> extents;
  if (count == 0) return extents;
  const std::uint64_t number = next_number_++;
  GEMINGA_TRY(const auto writer, SegmentWriter::create(files_, options_.directory, options_.uuid, number));
  Segment segment;
  for (std::size_t i = 0; i < count; ++i) {
    GEMINGA_TRY(const auto entries, runs(i));
    GEMINGA_TRY(const Extent extent, writer->add(entries));
    extents.push_back({entries.front().header.topic, extent});
    segment.live_extents += 1;
    segment.live_bytes += extent.bytes;
  }
  GEMINGA_TRY(segment.bytes, writer->finish());
  if (auto named = sync_names(); !named) {
    static_cast<void>(files_.unlink(path_of(number)));  // else the next start removes it
    return std::unexpected(std::move(named).error());
  }
  const std::lock_guard lock(mutex_);
  segments_[number] = segment;
  return extents;
}

Result<std::vector<TopicTable::NewExtent>> SegmentStore::write(
    const std::vector<TopicTable::FrozenRun>& runs) {
  return write_new(runs.size(), [&](std::size_t i) -> Result<std::span<const Entry>> {
    return std::span<const Entry>(runs[i].entries);
  });
}

Result<std::vector<TopicTable::NewExtent>> SegmentStore::rewrite(std::span<const Move> moves) {
  std::vector<Entry> entries;
  return write_new(moves.size(), [&](std::size_t i) -> Result<std::span<const Entry>> {
    auto read = read_whole(moves[i]);
    if (read) {
      entries = *std::move(read);
      return std::span<const Entry>(entries);
    }
    if (read.error().code == ErrorCode::unavailable) return std::unexpected(std::move(read).error());
    // A sector that is lost, too, is damage of this one file and no failure of the disk that is written to.
    keep(moves[i].from.segment);
    return fail(ErrorCode::corrupted, read.error().message);
  });
}

Result<std::vector<Entry>> SegmentStore::read_whole(const Move& move) {
  GEMINGA_TRY(const auto segment, reader(move.from.segment));
  std::vector<Entry> entries;
  std::uint64_t bytes = 0;
  const std::uint64_t count = move.from.last.value - move.first.value + 1;
  const ReadRequest all{.topic = move.topic,
                        .from = move.first,
                        .entries_max = static_cast<std::uint32_t>(count),
                        .bytes_max = move.from.bytes};
  BlockPool blocks(0);  // none are kept: this is seldom
  GEMINGA_TRY_VOID(segment->read(move.from, move.first, all, blocks, entries, bytes));
  if (entries.size() == count && entries.front().header.entry == move.first &&
      entries.back().header.entry == move.from.last)
    return entries;
  return fail(ErrorCode::corrupted, fmt::format("'{}' does not hold all of entries {} to {} of topic {}",
                                                path_of(move.from.segment).string(), move.first.value,
                                                move.from.last.value, move.topic.value));
}

void SegmentStore::bury(std::span<const Extent> dead) {
  const std::lock_guard lock(mutex_);
  for (const Extent& extent : dead) {
    const auto segment = segments_.find(extent.segment);
    if (segment == segments_.end()) continue;
    GEMINGA_ASSERT(segment->second.live_extents > 0);
    segment->second.live_extents -= 1;
    segment->second.live_bytes -= extent.bytes;
  }
}

std::vector<std::uint64_t> SegmentStore::sparse(std::uint64_t live_bytes_max) const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> found;  // live bytes, number
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, segment] : segments_) {
      const std::uint64_t data = segment.bytes - std::min(segment.bytes, kFrameBytes);
      if (segment.live_extents > 0 && !segment.kept && segment.live_bytes < data / 2)
        found.emplace_back(segment.live_bytes, number);
    }
  }
  std::ranges::sort(found);
  std::vector<std::uint64_t> numbers;
  for (const auto& [live_bytes, number] : found) {
    if (live_bytes > live_bytes_max) break;
    live_bytes_max -= live_bytes;
    numbers.push_back(number);
  }
  return numbers;
}

void SegmentStore::keep(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  if (const auto segment = segments_.find(number); segment != segments_.end()) segment->second.kept = true;
}

void SegmentStore::retire(std::span<const std::uint64_t> numbers) {
  const std::lock_guard lock(mutex_);
  for (const std::uint64_t number : numbers) {
    segments_.erase(number);
    readers_.erase(number);
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
  // Which one goes is of little weight: opening again costs two small reads.
  if (readers_.size() >= kReadersMax) readers_.erase(readers_.begin());
  readers_[number] = shared;
  return shared;
}

Result<std::vector<FooterLine>> SegmentStore::read_footer(std::uint64_t number) {
  GEMINGA_TRY(const auto segment, reader(number));
  return segment->read_footer();
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
