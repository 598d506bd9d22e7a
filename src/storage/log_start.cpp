#include <fmt/format.h>

#include "base/log.hpp"
#include "base/try.hpp"
#include "storage/log_impl.hpp"

namespace geminga::storage {
namespace {

// What is prepared at a start; the next file is prepared in the background.
constexpr std::uint64_t kStartRoomBytes = 1ULL << 20;

}  // namespace

Result<> Log::Impl::recover(const std::set<TopicId>& live, const std::set<TopicId>& tombstoned) {
  topics_.add_dropped(tombstoned);
  const ScanOptions options{.directory = options_.directory,
                            .uuid = uuid_,
                            .covered = last_group_,
                            .skip_crc = options_.unsafe.skip_crc};
  GEMINGA_TRY(const ScanResult scan,
              scan_journal(files_, options, [this](const ScannedGroup& group) { return replay(group); }));
  GEMINGA_TRY_VOID(refuse_unknown_topics(live));
  if (scan.torn_bytes > 0) {
    torn_bytes_cut_ = scan.torn_bytes;
    log::warn("storage",
              "cut {} bytes of a group that was not finished, behind group {}; nothing in it was "
              "acknowledged",
              scan.torn_bytes, scan.last_group);
  }
  if (scan.groups > 0) log::info("storage", "read {} groups from the journal", scan.groups);
  last_group_ = scan.last_group;
  topics_.assign_from_durable();
  GEMINGA_TRY_VOID(begin_journal(scan));
  topics_.visit([this](TopicId id, const Topic& topic) { recovered_.emplace(id, topic.state); });
  return {};
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
      if (topics_.find_or_add(header->topic) == nullptr) continue;  // tombstoned
      std::copy(bytes.begin(), bytes.end(), free);
      applied.entries.push_back({*header, std::string_view(free, bytes.size()), block});
      free += bytes.size();
      topics_.set_next_ledger(std::max(topics_.next_ledger(), LedgerId{header->ledger.value + 1}));
    }
  }
  applied.memory_bytes = bodies;
  GEMINGA_TRY_VOID(topics_.check_sequence(applied));
  topics_.apply(applied);
  for (const JournalRecord& record : group.parsed.records) {
    for (const std::size_t damaged : record.damaged) take_offline(group, record, damaged);
  }
  return {};
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
    topics_.take_offline(header->topic, reason);
  }
}

Result<> Log::Impl::refuse_unknown_topics(const std::set<TopicId>& live) const {
  std::optional<TopicId> unknown;
  topics_.visit([&](TopicId id, const Topic&) {
    if (!live.contains(id)) unknown = id;
  });
  if (!unknown) return {};
  return fail(
      ErrorCode::corrupted,
      fmt::format("metadata older than the log: the log of '{}' holds topic {} that the metadata does not "
                  "know. Was an old metadata file put back? Nothing was changed",
                  options_.directory.string(), unknown->value));
}

Result<> Log::Impl::begin_journal(const ScanResult& scan) {
  journal_.set_next_generation(scan.next_generation);
  for (const std::filesystem::path& path : scan.spares) GEMINGA_TRY_VOID(files_.unlink(path));
  std::optional<JournalFile> tail;
  if (scan.tail) {
    GEMINGA_TRY(tail, rewrite_tail(files_, journal_, *scan.tail, kStartRoomBytes));
  }
  for (const JournalFile& full : scan.full)
    journal_.add_full({.path = full.path, .capacity = full.capacity, .last_group = full.last_group});
  return journal_.begin(std::move(tail));
}

}  // namespace geminga::storage
