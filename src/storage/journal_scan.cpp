#include "storage/journal_scan.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/try.hpp"

namespace geminga::storage {
namespace {

class Scan {
 public:
  Scan(base::FileSystem& files, const ScanOptions& options,
       const std::function<Result<>(const ScannedGroup&)>& apply)
      : files_(files), options_(options), apply_(apply) {}

  Result<ScanResult> run() {
    GEMINGA_TRY_VOID(find_files());
    result_.last_group = options_.covered;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (torn_) {
        result_.torn.push_back(candidates_[i].path);
      } else {
        GEMINGA_TRY_VOID(walk(i));
      }
    }
    return std::move(result_);
  }

 private:
  [[nodiscard]] std::uint64_t expected() const { return result_.last_group + 1; }

  Result<> find_files() {
    GEMINGA_TRY(candidates_, list_journal_files(files_, options_.directory));
    if (!candidates_.empty()) result_.next_generation = candidates_.back().generation + 1;
    return {};
  }

  /// The header at `offset` if a group of this very file begins there.
  Result<std::optional<GroupHeader>> header_at(JournalFileReader& reader, std::uint64_t generation,
                                               std::uint64_t offset) {
    GEMINGA_TRY(const auto bytes, reader.at(offset, kGroupHeaderBytes));
    const auto header = decode_group_header(bytes);
    if (!header || header->directory != options_.uuid || header->generation != generation)
      return std::optional<GroupHeader>();
    return header;
  }

  Result<ScannedGroup> group_at(JournalFileReader& reader, const GroupHeader& header, std::uint64_t offset) {
    ScannedGroup group{.header = header, .parsed = {}};
    GEMINGA_TRY(const auto bytes, reader.at(offset + kGroupHeaderBytes, header.bytes));
    if (bytes.size() < header.bytes) {
      group.parsed.readable = false;
    } else {
      group.parsed = parse_group(header, bytes, !options_.skip_crc);
    }
    return group;
  }

  /// All groups of one file; sets torn_ when the journal ends in it.
  Result<> walk(std::size_t index) {
    const JournalFileName& candidate = candidates_[index];
    GEMINGA_TRY(const auto reader, JournalFileReader::open(files_, candidate.path));
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> first_needed;
    while (offset < reader->size()) {
      GEMINGA_TRY(const auto header, header_at(*reader, candidate.generation, offset));
      if (!header) {
        GEMINGA_TRY(const auto needed, first_needed_behind(*reader, candidate, offset));
        if (!needed) break;
        offset = *needed;
        continue;
      }
      if (header->number > expected()) return gap(candidate, offset, header->number);
      if (header->number == expected()) {
        GEMINGA_TRY(ScannedGroup group, group_at(*reader, *header, offset));
        if (!group.parsed.intact()) {
          // What lies inside of it is a message, whatever it looks like.
          GEMINGA_TRY(const bool damage, shown_durable(index, *reader, offset + group_bytes(*header)));
          if (!damage) {
            torn_ = true;
            result_.torn_bytes = std::min(group_bytes(*header), reader->size() - offset);
            break;
          }
          if (!group.parsed.readable) return unreadable(candidate, offset);
          // The look behind it has moved the reader on, and with it what the bodies point to.
          GEMINGA_TRY(group, group_at(*reader, *header, offset));
        }
        GEMINGA_TRY_VOID(apply_(group));
        result_.last_group = header->number;
        ++result_.groups;
        if (!first_needed) first_needed = offset;
      }
      offset += group_bytes(*header);
    }
    GEMINGA_TRY_VOID(remember(candidate, first_needed, offset, reader->size()));
    if (torn_) return {};
    return check_end(index, *reader, offset);
  }

  /// A header that cannot be read among groups that the checkpoint covers is nobody's loss: the first group
  /// that is needed, if it stands behind `offset`. No message in front of it can hold a copy of it.
  Result<std::optional<std::uint64_t>> first_needed_behind(JournalFileReader& reader,
                                                           const JournalFileName& candidate,
                                                           std::uint64_t offset) {
    if (result_.groups > 0 || options_.covered == 0) return std::optional<std::uint64_t>();
    for (std::uint64_t at = offset + kGroupAlignment; at < reader.size(); at += kGroupAlignment) {
      GEMINGA_TRY(const auto header, header_at(reader, candidate.generation, at));
      if (!header || header->number != expected() || header->durable != options_.covered) continue;
      log::warn("storage",
                "'{}' is damaged at offset {}, in groups that the checkpoint covers: nothing is lost",
                candidate.path.string(), offset);
      return std::optional(at);
    }
    return std::optional<std::uint64_t>();
  }

  /// No further group of this file follows at `offset`: the journal goes on in a later file, or ends here, or
  /// is damaged here.
  Result<> check_end(std::size_t index, JournalFileReader& reader, std::uint64_t offset) {
    for (std::size_t later = index + 1; later < candidates_.size(); ++later) {
      GEMINGA_TRY(const auto next, JournalFileReader::open(files_, candidates_[later].path));
      GEMINGA_TRY(const auto header, header_at(*next, candidates_[later].generation, 0));
      if (header && header->number <= expected()) return {};
    }
    GEMINGA_TRY(const bool damage, shown_durable(index, reader, offset + kGroupAlignment));
    if (damage) return unreadable(candidates_[index], offset);
    return {};
  }

  /// Whether a group from `offset` on or in a later file says that the expected one was durable: it is valid
  /// and still needed, or its header names what was durable when it was formed.
  Result<bool> shown_durable(std::size_t index, JournalFileReader& reader, std::uint64_t offset) {
    GEMINGA_TRY(const bool here, shown_durable_from(reader, candidates_[index].generation, offset));
    if (here) return true;
    for (std::size_t later = index + 1; later < candidates_.size(); ++later) {
      GEMINGA_TRY(const auto next, JournalFileReader::open(files_, candidates_[later].path));
      GEMINGA_TRY(const bool there, shown_durable_from(*next, candidates_[later].generation, 0));
      if (there) return true;
    }
    return false;
  }

  Result<bool> shown_durable_from(JournalFileReader& reader, std::uint64_t generation, std::uint64_t offset) {
    for (; offset < reader.size(); offset += kGroupAlignment) {
      GEMINGA_TRY(const auto header, header_at(reader, generation, offset));
      if (!header || header->number < expected()) continue;
      // One group is on its way at a time: whatever became of this one, it was begun after that sync.
      if (header->number > expected() && header->durable >= expected()) return true;
      GEMINGA_TRY(const ScannedGroup group, group_at(reader, *header, offset));
      if (group.parsed.readable) return true;
    }
    return false;
  }

  Result<> remember(const JournalFileName& candidate, std::optional<std::uint64_t> first_needed,
                    std::uint64_t end, std::uint64_t size) {
    if (!first_needed) {
      if (torn_) {
        result_.torn.push_back(candidate.path);
      } else {
        result_.spares.push_back({candidate.path, size});
      }
      return {};
    }
    if (result_.tail) {
      GEMINGA_TRY(const std::uint64_t bytes, size_of(result_.tail->path));
      result_.full.push_back({.path = result_.tail->path, .bytes = bytes, .last_group = tail_last_group_});
    }
    result_.tail = Tail{.path = candidate.path, .first = *first_needed, .end = std::min(end, size)};
    tail_last_group_ = result_.last_group;
    return {};
  }

  Result<std::uint64_t> size_of(const std::filesystem::path& path) {
    GEMINGA_TRY(const auto file, files_.open(path, {.mode = base::OpenMode::read}));
    return file->size();
  }

  Result<> gap(const JournalFileName& candidate, std::uint64_t offset, std::uint64_t found) {
    return fail(
        ErrorCode::corrupted,
        fmt::format("journal group {} is missing: '{}' has group {} at offset {}. Nothing was changed; "
                    "restore a backup or the missing file",
                    expected(), candidate.path.string(), found, offset));
  }

  Result<> unreadable(const JournalFileName& candidate, std::uint64_t offset) {
    return fail(
        ErrorCode::corrupted,
        fmt::format("journal group {} in '{}' at offset {} is damaged so that its topics cannot be named, "
                    "and what follows it shows that it was durable. Nothing was changed; restore a backup",
                    expected(), candidate.path.string(), offset));
  }

  base::FileSystem& files_;
  const ScanOptions& options_;
  const std::function<Result<>(const ScannedGroup&)>& apply_;
  std::vector<JournalFileName> candidates_;
  ScanResult result_;
  std::uint64_t tail_last_group_ = 0;
  bool torn_ = false;
};

}  // namespace

Result<std::vector<JournalFileName>> list_journal_files(base::FileSystem& files,
                                                        const std::filesystem::path& directory) {
  std::vector<JournalFileName> found;
  GEMINGA_TRY(const auto entries, files.list(directory));
  for (const base::DirectoryEntry& entry : entries) {
    if (const auto generation = journal_generation(entry.name))
      found.push_back({*generation, directory / entry.name});
  }
  std::ranges::sort(found, {}, &JournalFileName::generation);
  return found;
}

Result<ScanResult> scan_journal(base::FileSystem& files, const ScanOptions& options,
                                const std::function<Result<>(const ScannedGroup&)>& apply) {
  return Scan(files, options, apply).run();
}

Result<ScanResult> list_journal(base::FileSystem& files, const ScanOptions& options) {
  ScanResult result;
  result.last_group = options.covered;
  GEMINGA_TRY(const auto found, list_journal_files(files, options.directory));
  AlignedBuffer page(base::kDirectAlignment);
  for (const JournalFileName& candidate : found) {
    result.next_generation = candidate.generation + 1;
    GEMINGA_TRY(const auto file, files.open(candidate.path, {.mode = base::OpenMode::read}));
    GEMINGA_TRY(const std::uint64_t bytes, file->size());
    GEMINGA_TRY(const std::size_t got, file->read_at(0, page.span()));
    const auto header = decode_group_header(page.span().first(std::min(got, kGroupHeaderBytes)));
    if (header && header->directory == options.uuid && header->generation == candidate.generation &&
        header->number > options.covered)
      return fail(
          ErrorCode::corrupted,
          fmt::format(
              "the checkpoint of '{}' ends with journal group {}, but '{}' begins with group {}: was "
              "an older checkpoint put beside a newer journal? Nothing was changed; put the newer one "
              "back, or restore a whole backup into an empty directory",
              options.directory.string(), options.covered, candidate.path.string(), header->number));
    result.spares.push_back({candidate.path, bytes});
  }
  return result;
}

namespace {

/// The groups of `tail` behind the position of `fresh`, under its generation.
Result<> copy_groups(JournalFileReader& reader, const Tail& tail, JournalFile& fresh) {
  AlignedBuffer copy;
  for (std::uint64_t offset = tail.first; offset < tail.end;) {
    GEMINGA_TRY(const auto head, reader.at(offset, kGroupHeaderBytes));
    auto header = decode_group_header(head);
    if (!header) return fail(ErrorCode::disk_error, "a journal group changed while it was copied");
    const std::uint64_t bytes = group_bytes(*header);
    GEMINGA_TRY(const auto group, reader.at(offset, bytes));
    if (copy.size() < bytes) copy = AlignedBuffer(bytes);
    std::memcpy(copy.span().data(), group.data(), group.size());
    header->generation = fresh.generation;
    encode_group_header(*header, copy.span());
    GEMINGA_TRY_VOID(fresh.file->write_at(fresh.position, copy.span().first(bytes)));
    fresh.position += bytes;
    fresh.last_group = header->number;
    offset += bytes;
  }
  return {};
}

}  // namespace

Result<JournalFile> go_on_in_tail(base::FileSystem& files, const ScanResult& scan) {
  const Tail& tail = *scan.tail;
  JournalFile file{.path = tail.path,
                   .generation = journal_generation(tail.path.filename().string()).value_or(0),
                   .position = tail.end,
                   .last_group = scan.last_group};
  GEMINGA_TRY(file.file, files.open(tail.path, {.mode = base::OpenMode::write, .direct = true}));
  GEMINGA_TRY(file.capacity, file.file->size());
  AlignedBuffer zeros(kGroupAlignment);
  std::ranges::fill(zeros.span(), std::byte{0});
  const std::uint64_t end = std::min(tail.end + scan.torn_bytes, file.capacity);
  for (std::uint64_t at = tail.end; at + zeros.size() <= end; at += zeros.size())
    GEMINGA_TRY_VOID(file.file->write_at(at, zeros.span()));
  GEMINGA_TRY_VOID(file.file->sync_data());
  return file;
}

Result<JournalFile> rewrite_tail(base::FileSystem& files, JournalFiles& journal, const Tail& tail,
                                 std::uint64_t room) {
  GEMINGA_TRY(const auto reader, JournalFileReader::open(files, tail.path));
  GEMINGA_TRY(JournalFile fresh, journal.create_empty());
  if (auto copied = copy_groups(*reader, tail, fresh); !copied) {
    journal.abandon(fresh);
    return std::unexpected(std::move(copied).error());
  }
  GEMINGA_TRY_VOID(journal.finish(fresh, room));
  GEMINGA_TRY_VOID(files.unlink(tail.path));
  GEMINGA_TRY_VOID(journal.sync_directory());
  return fresh;
}

}  // namespace geminga::storage
