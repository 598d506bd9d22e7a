#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/try.hpp"
#include "storage/directory.hpp"
#include "storage/log_impl.hpp"

namespace geminga::storage {
namespace {

// What is prepared at a start; the next file is prepared in the background.
constexpr std::uint64_t kStartRoomBytes = 1ULL << 20;
std::string clean_text(std::uint64_t covered) {
  return fmt::format("covered {}\n", covered);
}

}  // namespace

Result<> Log::Impl::recover(const std::set<TopicId>& live, const std::set<TopicId>& tombstoned) {
  background_.needs_metadata(options_.metadata_sequence);
  topics_.add_dropped(tombstoned);
  auto scan = read_everything(live);
  if (!scan) {
    // A refused start changes nothing.
    static_cast<void>(spill_.finish());
    static_cast<void>(segments_.remove(spill_.numbers()));
    return std::unexpected(std::move(scan).error());
  }
  last_group_ = scan->last_group;
  GEMINGA_TRY_VOID(remove_leftovers(scan->spares));
  topics_.assign_from_durable();
  // Before the first group there is a checkpoint, so that one that is missing is always noticed: without it,
  // old groups in spare files would pass for all that there was.
  if (first_start_) GEMINGA_TRY_VOID(background_.flush_now(freeze()));
  GEMINGA_TRY_VOID(begin_journal(*std::move(scan)));
  // And where its format is older: the program that wrote it would take this directory still, and know
  // nothing of what groups mean to this one.
  if (!spill_.numbers().empty() || older_checkpoint_) {
    auto flushed = background_.flush_now(freeze());
    // On a full disk it stays in memory and in the journal, and the background goes on with it.
    if (!flushed && flushed.error().code != ErrorCode::disk_full) return flushed;
  }
  return {};
}

Result<ScanResult> Log::Impl::read_everything(const std::set<TopicId>& live) {
  GEMINGA_TRY(const bool have_checkpoint, load_checkpoint());
  if (!have_checkpoint) GEMINGA_TRY_VOID(refuse_what_had_a_checkpoint());
  first_start_ = !have_checkpoint;
  GEMINGA_TRY(const bool clean, clean_marker());
  GEMINGA_TRY(ScanResult scan, read_journal(clean));
  GEMINGA_TRY_VOID(refuse_unknown_topics(live));
  return scan;
}

Result<> Log::Impl::refuse_what_had_a_checkpoint() const {
  GEMINGA_TRY(const auto segments, segments_.numbers_on_disk());
  GEMINGA_TRY(const auto journal, list_journal_files(files_, options_.directory));
  GEMINGA_TRY(const bool closed, files_.exists(options_.directory / kCleanFile));
  if (segments.empty() && journal.empty() && !closed) return {};
  return fail(ErrorCode::corrupted,
              fmt::format("the file '{}' is missing; nothing was changed; put it back or restore a backup",
                          (options_.directory / kCheckpointFile).string()));
}

Result<bool> Log::Impl::load_checkpoint() {
  const std::filesystem::path path = options_.directory / kCheckpointFile;
  Checkpoint checkpoint;
  GEMINGA_TRY(const bool there, files_.exists(path));
  if (there) {
    GEMINGA_TRY(const std::string bytes, base::read_file(files_, path));
    GEMINGA_TRY(checkpoint, decode_checkpoint(uuid_, std::as_bytes(std::span(bytes))));
    older_checkpoint_ = checkpoint.of_older_version;
  }
  if (options_.metadata_sequence > 0 && checkpoint.metadata_sequence > options_.metadata_sequence)
    return fail(
        ErrorCode::corrupted,
        fmt::format(
            "metadata older than the log: the checkpoint of '{}' needs {} commits of the metadata, its "
            "file has {}. Was an old metadata file put back? Nothing was changed",
            options_.directory.string(), checkpoint.metadata_sequence, options_.metadata_sequence));
  last_group_ = checkpoint.covered;
  topics_.set_next_ledger(checkpoint.next_ledger);
  background_.needs_metadata(checkpoint.metadata_sequence);
  GEMINGA_TRY(const auto lost, segments_.adopt(checkpoint));
  for (Checkpoint::TopicPart& topic : checkpoint.topics)
    topics_.restore(topic.id, std::move(topic.state), std::move(topic.sequences));
  for (const Checkpoint::ExtentPart& part : checkpoint.extents) {
    if (!topics_.restore(part.topic, part.extent)) segments_.bury({&part.extent, 1});  // tombstoned meanwhile
  }
  for (const auto& [topic, reason] : lost) {
    log::error("storage", "{}", reason);
    topics_.take_offline(topic, reason, false);
  }
  return there;
}

Result<bool> Log::Impl::clean_marker() {
  const std::filesystem::path path = options_.directory / kCleanFile;
  GEMINGA_TRY(const bool there, files_.exists(path));
  if (!there) return false;
  GEMINGA_TRY(const std::string text, base::read_file(files_, path));
  return text == clean_text(last_group_);
}

Result<> Log::Impl::write_clean_marker() {
  return base::replace_file(files_, options_.directory / kCleanFile, clean_text(last_group_),
                            !options_.unsafe.no_dirsync);
}

Result<ScanResult> Log::Impl::read_journal(bool clean) {
  const ScanOptions options{.directory = options_.directory,
                            .uuid = uuid_,
                            .covered = last_group_,
                            .skip_crc = options_.unsafe.skip_crc};
  if (clean) return list_journal(files_, options);
  GEMINGA_TRY(ScanResult scan,
              scan_journal(files_, options, [this](const ScannedGroup& group) { return replay(group); }));
  GEMINGA_TRY_VOID(spill_.finish());
  if (scan.torn_bytes > 0) {
    torn_bytes_cut_ = scan.torn_bytes;
    log::warn("storage",
              "cut {} bytes of a group that was not finished, behind group {}; nothing in it was "
              "acknowledged",
              scan.torn_bytes, scan.last_group);
  }
  if (scan.groups > 0) log::info("storage", "read {} groups from the journal", scan.groups);
  return scan;
}

Result<> Log::Impl::remove_leftovers(const std::vector<JournalSpare>& spares) {
  for (const JournalSpare& spare : spares) journal_.add_full({.path = spare.path, .capacity = spare.bytes});
  GEMINGA_TRY(auto orphans, segments_.orphans());
  GEMINGA_TRY_VOID(background_.not_needed(std::move(orphans), 0));
  GEMINGA_TRY(const auto entries, files_.list(options_.directory));
  for (const base::DirectoryEntry& entry : entries) {
    const bool ours = entry.name.starts_with("journal-") || entry.name.starts_with("segment-") ||
                      entry.name.starts_with(kCheckpointFile) || entry.name.starts_with(kCleanFile);
    if ((ours && entry.name.ends_with(".tmp")) || entry.name == kCleanFile)
      GEMINGA_TRY_VOID(files_.unlink(options_.directory / entry.name));
  }
  // Before the first group is written: the marker must not come back.
  if (options_.unsafe.no_dirsync) return {};
  return files_.sync_directory(options_.directory);
}

CheckpointStates Log::Impl::freeze() {
  topics_.forget_idle_sequences(clock_.monotonic_now());
  CheckpointStates states(last_group_, topics_.next_ledger());
  topics_.freeze([&](const auto& topics) {
    for (const auto& [id, topic] : topics) states.add(id, topic->state, topic->sequences);
  });
  topics_.begin_checkpoint();
  states.set_drops(topics_.take_drops());
  bytes_since_freeze_ = 0;
  return states;
}

Result<> Log::Impl::replay(const ScannedGroup& group) {
  AppliedGroup applied;
  applied.number = group.header.number;
  std::uint64_t bodies = 0;
  for (const JournalRecord& record : group.parsed.records) {
    for (const std::string_view body : record.bodies) bodies += body.size();
  }
  const auto block = std::make_shared_for_overwrite<char[]>(bodies);
  char* free = block.get();
  for (const JournalRecord& record : group.parsed.records) {
    std::size_t body = 0;
    for (const JournalOperation& operation : record.operations) {
      const auto* header = std::get_if<EntryHeader>(&operation);
      if (header == nullptr) {
        if (const auto* set = std::get_if<SetCursor>(&operation)) topics_.find_or_add(set->topic);
        applied.others.push_back({applied.entries.size(), operation});
        continue;
      }
      const std::string_view bytes = record.bodies[body++];
      // Given for ever, even where the topic has gone since.
      topics_.set_next_ledger(std::max(topics_.next_ledger(), LedgerId{header->ledger.value + 1}));
      if (topics_.find_or_add(header->topic) == nullptr) continue;  // tombstoned
      std::copy(bytes.begin(), bytes.end(), free);
      applied.entries.push_back({*header, std::string_view(free, bytes.size()), block});
      free += bytes.size();
    }
  }
  applied.memory_bytes = bodies;
  GEMINGA_TRY_VOID(topics_.check_sequence(applied));
  topics_.apply(applied);
  for (const JournalRecord& record : group.parsed.records) {
    for (const std::size_t damaged : record.damaged) take_offline(group, record, damaged);
  }
  if (topics_.active_bytes() < options_.memory_table_bytes / 2) return {};
  return spill_.begin();
}

void Log::Impl::take_offline(const ScannedGroup& group, const JournalRecord& record, std::size_t damaged) {
  std::size_t body = 0;
  for (const JournalOperation& operation : record.operations) {
    const auto* header = std::get_if<EntryHeader>(&operation);
    if (header == nullptr || body++ != damaged) continue;
    const std::string reason = fmt::format(
        "entry {}:{} of topic {} is damaged in journal group {}; the topic is offline, nothing was "
        "deleted; restore a backup",
        header->ledger.value, header->entry.value, header->topic.value, group.header.number);
    log::error("storage", "{}", reason);
    topics_.take_offline(header->topic, reason, true);
  }
}

Result<> Log::Impl::refuse_unknown_topics(const std::set<TopicId>& live) const {
  std::optional<TopicId> unknown;
  topics_.visit([&](TopicId id, const Topic&) {
    if (!live.contains(id)) unknown = id;
  });
  const auto dropped = std::ranges::find_if(live, [this](TopicId id) { return topics_.was_dropped(id); });
  if (dropped != live.end())
    return fail(
        ErrorCode::corrupted,
        fmt::format("metadata older than the log: the log of '{}' has dropped topic {}, which the "
                    "metadata does not know as deleted. Was an old metadata file put back? Nothing was "
                    "changed",
                    options_.directory.string(), dropped->value));
  if (!unknown) return {};
  return fail(
      ErrorCode::corrupted,
      fmt::format("metadata older than the log: the log of '{}' holds topic {} that the metadata does not "
                  "know. Was an old metadata file put back? Nothing was changed",
                  options_.directory.string(), unknown->value));
}

Result<> Log::Impl::begin_journal(ScanResult scan) {
  journal_.set_next_generation(scan.next_generation);
  for (const std::filesystem::path& torn : scan.torn) GEMINGA_TRY_VOID(files_.unlink(torn));
  if (!scan.torn.empty()) GEMINGA_TRY_VOID(journal_.sync_directory());
  std::optional<JournalFile> tail;
  if (scan.tail) {
    const std::uint64_t room = std::min(kStartRoomBytes, journal_.file_bytes());
    auto fresh = rewrite_tail(files_, journal_, *scan.tail, room);
    if (!fresh && fresh.error().code == ErrorCode::disk_full) fresh = go_on_in_tail(files_, scan);
    GEMINGA_TRY(tail, std::move(fresh));
  }
  for (const ScanResult::Full& full : scan.full)
    journal_.add_full({.path = full.path, .capacity = full.bytes, .last_group = full.last_group});
  return journal_.begin(std::move(tail));
}

}  // namespace geminga::storage
