#include "storage/fsck.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/file_system.hpp"
#include "base/try.hpp"
#include "storage/checkpoint.hpp"
#include "storage/directory.hpp"
#include "storage/journal_scan.hpp"
#include "storage/metadata.hpp"
#include "storage/segment.hpp"

namespace geminga::storage {
namespace {

namespace fs = std::filesystem;

class Check {
 public:
  Check(base::FileSystem& files, fs::path directory, std::string uuid)
      : files_(files), directory_(std::move(directory)), raw_uuid_(raw_uuid(uuid)) {
    report_.uuid = std::move(uuid);
  }

  Result<FsckReport> run() {
    GEMINGA_TRY_VOID(read_metadata());
    GEMINGA_TRY_VOID(read_checkpoint());
    GEMINGA_TRY_VOID(read_segments());
    read_journal();
    compare_names();
    compare_views();
    name_the_hurt();
    return std::move(report_);
  }

 private:
  /// What the log must hold of a topic, and what it holds.
  struct Known {
    TopicState state;
    std::vector<Extent> extents;
    std::uint64_t lost = 0;  ///< entries
    bool hurt = false;
    bool dropped = false;
  };

  void damage(std::string file, std::string text) {
    report_.findings.push_back({.damage = true, .file = std::move(file), .text = std::move(text)});
  }
  void remark(std::string file, std::string text) {
    report_.findings.push_back({.damage = false, .file = std::move(file), .text = std::move(text)});
  }
  void hurt(TopicId topic, std::uint64_t lost) {
    known_[topic].hurt = true;
    known_[topic].lost += lost;
  }
  /// Entries of the extent that the topic still keeps.
  [[nodiscard]] std::uint64_t kept(TopicId topic, const Extent& extent) {
    const EntryId first = std::max(extent.first, known_[topic].state.first);
    return first > extent.last ? 0 : extent.last.value - first.value + 1;
  }
  /// Errors that are no damage end the check; damage is a finding.
  Result<> found(std::string file, const Error& error) {
    if (error.code != ErrorCode::corrupted && error.code != ErrorCode::not_found)
      return std::unexpected(error);
    damage(std::move(file), error.message);
    return {};
  }

  Result<> read_metadata() {
    const auto store = MetadataStore::look(directory_ / kMetadataFile, report_.uuid);
    if (!store) return found(kMetadataFile, store.error());
    const auto row = (*store)->directory();
    const auto topics = (*store)->topics();
    if (!row) return found(kMetadataFile, row.error());
    if (!topics) return found(kMetadataFile, topics.error());
    metadata_sequence_ = row->sequence;
    for (const TopicRow& topic : *topics) {
      (topic.tombstone ? tombstoned_ : live_).insert(topic.id);
      names_[topic.id] = topic.name;
      if (topic.view && !topic.tombstone) compacted_.emplace(topic.id, *topic.view);
      if (!topic.tombstone && !topic.view_of) report_.topics += 1;
    }
    for (const auto& [topic, view] : compacted_)
      names_[view.topic] = "the compacted view of " + names_[topic];
    metadata_read_ = true;
    return {};
  }

  Result<> read_checkpoint() {
    const fs::path path = directory_ / kCheckpointFile;
    GEMINGA_TRY(have_checkpoint_, files_.exists(path));
    if (!have_checkpoint_) return {};
    GEMINGA_TRY(const std::string bytes, base::read_file(files_, path));
    auto checkpoint = decode_checkpoint(raw_uuid_, std::as_bytes(std::span(bytes)));
    if (!checkpoint) return found(kCheckpointFile, checkpoint.error());
    checkpoint_ = *std::move(checkpoint);
    checkpoint_read_ = true;
    if (metadata_read_ && checkpoint_.metadata_sequence > metadata_sequence_)
      damage(
          kMetadataFile,
          fmt::format("it is older than the log: {} commits, and the checkpoint needs {}; put the newer file "
                      "back, or restore a backup",
                      metadata_sequence_, checkpoint_.metadata_sequence));
    for (const auto& topic : checkpoint_.topics) known_[topic.id].state = topic.state;
    for (const auto& [topic, extent] : checkpoint_.extents) {
      known_[topic].extents.push_back(extent);
      by_segment_[extent.segment].emplace_back(topic, extent);
    }
    for (auto& [id, topic] : known_) {
      if (!topic.state.offline_reason.empty()) {
        damage(kCheckpointFile, fmt::format("topic {} is offline: {}", id.value, topic.state.offline_reason));
        hurt(id, 0);
      }
      check_cover(id, topic);
    }
    return {};
  }

  /// Every entry in front of the checkpoint's group stands in an extent.
  void check_cover(TopicId id, const Known& topic) {
    std::uint64_t next = topic.state.first.value;
    for (const Extent& extent : topic.extents) {
      if (extent.first.value > next) missing(id, next, extent.first.value - 1);
      next = std::max(next, extent.last.value + 1);
    }
    if (next < topic.state.next.value) missing(id, next, topic.state.next.value - 1);
  }
  void missing(TopicId id, std::uint64_t first, std::uint64_t last) {
    // What is missing at the begin was trimmed behind the checkpoint; the journal will say so.
    gaps_.push_back({id, EntryRange{EntryId{first}, EntryId{last}}});
  }

  Result<> read_segments() {
    GEMINGA_TRY(const auto entries, files_.list(directory_));
    std::set<std::uint64_t> there;
    for (const base::DirectoryEntry& entry : entries) {
      if (const auto number = segment_number(entry.name)) there.insert(*number);
      if (entry.name.ends_with(".tmp"))
        remark(entry.name, "it was not finished when a process died; the next start removes it");
    }
    have_segments_ = !there.empty();
    for (const Checkpoint::Segment& segment : checkpoint_.segments) {
      GEMINGA_TRY_VOID(read_segment(segment.number));
      there.erase(segment.number);
    }
    if (!checkpoint_read_) return {};
    for (const std::uint64_t number : there)
      remark(segment_file_name(number), "no checkpoint names it; the next start removes it");
    return {};
  }

  Result<> read_segment(std::uint64_t number) {
    const std::string name = segment_file_name(number);
    ++report_.segments;
    const auto reader = SegmentReader::open(files_, directory_ / name, raw_uuid_, number);
    const auto footer =
        reader ? (*reader)->read_footer() : Result<std::vector<FooterLine>>(std::unexpected(reader.error()));
    if (!footer) {
      GEMINGA_TRY_VOID(found(name, footer.error()));
    }
    for (const auto& [topic, extent] : by_segment_[number]) {
      ++report_.extents;
      if (footer)
        GEMINGA_TRY_VOID(check_extent(name, **reader, *footer, topic, extent));
      else
        hurt(topic, kept(topic, extent));
    }
    return {};
  }

  Result<> check_extent(const std::string& name, SegmentReader& reader, std::span<const FooterLine> footer,
                        TopicId topic, const Extent& extent) {
    const auto lines = std::ranges::equal_range(footer, topic, {}, &FooterLine::topic);
    const auto line = std::ranges::find(lines, extent, &FooterLine::extent);
    if (line == lines.end()) {
      damage(name, fmt::format(
                       "it does not hold entries {} to {} of topic {}, which the checkpoint looks for in it",
                       extent.first.value, extent.last.value, topic.value));
    } else if (auto verified = reader.verify(*line); !verified) {
      GEMINGA_TRY_VOID(found(name, verified.error()));
    } else {
      return {};
    }
    hurt(topic, kept(topic, extent));
    return {};
  }

  void read_journal() {
    if (have_checkpoint_ && !checkpoint_read_) return;  // where it begins is not known
    const ScanOptions options{.directory = directory_, .uuid = raw_uuid_, .covered = checkpoint_.covered};
    const auto scan = scan_journal(files_, options, [this](const ScannedGroup& group) {
      read_group(group);
      return Result<>();
    });
    report_.last_group = std::max(report_.last_group, checkpoint_.covered);
    log_read_ = scan.has_value();
    if (!scan) {
      damage("journal",
             fmt::format("{}. In reach: groups up to {}", scan.error().message, report_.last_group));
    } else if (scan->torn_bytes > 0) {
      remark("journal",
             fmt::format("{} bytes of a group behind {} were not finished when the process ended; nothing in "
                         "it was acknowledged, the next start cuts it",
                         scan->torn_bytes, report_.last_group));
    }
    if (!have_checkpoint_ && (have_segments_ || clean_end() || report_.journal_groups > 0))
      damage(kCheckpointFile, "it is missing; put it back or restore a backup");
    for (const auto& [topic, range] : gaps_) {
      const EntryId first = std::max(range.first, known_[topic].state.first);
      if (known_[topic].dropped || first > range.last) continue;
      damage(kCheckpointFile, fmt::format("entries {} to {} of topic {} are in no segment", first.value,
                                          range.last.value, topic.value));
      hurt(topic, range.last.value - first.value + 1);
    }
  }

  [[nodiscard]] bool clean_end() const { return files_.exists(directory_ / kCleanFile).value_or(false); }

  void read_group(const ScannedGroup& group) {
    ++report_.journal_groups;
    report_.last_group = group.header.number;
    for (const JournalRecord& record : group.parsed.records) {
      std::size_t body = 0;
      for (const JournalOperation& operation : record.operations) {
        if (const auto* header = std::get_if<EntryHeader>(&operation)) {
          const bool damaged = std::ranges::find(record.damaged, body++) != record.damaged.end();
          read_entry(group.header.number, *header, damaged);
        } else if (const auto* trim = std::get_if<Trim>(&operation)) {
          const auto topic = known_.find(trim->topic);
          if (topic == known_.end()) continue;  // dropped and forgotten meanwhile
          TopicState& state = topic->second.state;
          state.first = std::max(state.first, std::min(trim->before, state.next));
        } else if (const auto* drop = std::get_if<DropTopic>(&operation)) {
          known_[drop->topic] = {};
          known_[drop->topic].dropped = true;
        } else if (const auto* set = std::get_if<SetCursor>(&operation)) {
          known_[set->topic];
        }
      }
    }
  }

  void read_entry(std::uint64_t group, const EntryHeader& header, bool damaged) {
    if (tombstoned_.contains(header.topic)) return;
    TopicState& state = known_[header.topic].state;
    if (header.entry != state.next) {
      damage("journal", fmt::format("group {} holds entry {} of topic {} where entry {} must stand", group,
                                    header.entry.value, header.topic.value, state.next.value));
      hurt(header.topic, 0);
    }
    state.next = EntryId{header.entry.value + 1};
    if (!damaged) return;
    damage("journal", fmt::format("group {}: entry {} of topic {} is damaged", group, header.entry.value,
                                  header.topic.value));
    hurt(header.topic, 1);
  }

  void compare_names() {
    if (!metadata_read_) return;
    for (const auto& [id, topic] : known_) {
      if (live_.contains(id) || tombstoned_.contains(id) || topic.dropped) continue;
      damage(
          kMetadataFile,
          fmt::format("it does not know topic {}, which the log holds; was an old file put back?", id.value));
      known_[id].hurt = true;
    }
  }

  void compare_views() {
    if (!log_read_) return;  // what is missing then is another finding's
    for (const auto& [topic, view] : compacted_) {
      const std::uint64_t there = known_[view.topic].state.next.value;
      const std::uint64_t end = known_[topic].state.next.value;
      if (there == view.entries && view.horizon.value <= end) continue;
      report_.metadata_ahead = true;
      damage(
          kMetadataFile,
          fmt::format("{} was compacted up to entry {} into {} entries; the log holds {} of these, and the "
                      "topic ends at {}: the metadata are newer than the log; put files of one time "
                      "together, or restore a backup",
                      names_[topic], view.horizon.value, view.entries, there, end));
      known_[view.topic].hurt = true;
    }
  }

  void name_the_hurt() {
    for (const auto& [id, topic] : known_) {
      if (!topic.hurt || topic.dropped || tombstoned_.contains(id)) continue;
      const std::uint64_t entries = topic.state.next.value - topic.state.first.value;
      const auto name = names_.find(id);
      report_.hurt[id] = {.name = name == names_.end() ? "" : name->second,
                          .entries = entries,
                          .in_reach = entries - std::min(entries, topic.lost)};
    }
  }

  base::FileSystem& files_;
  const fs::path directory_;
  const RawUuid raw_uuid_;
  FsckReport report_;
  std::set<TopicId> live_, tombstoned_;
  std::map<TopicId, std::string> names_;
  std::map<TopicId, ViewRow> compacted_;  // by topic
  std::uint64_t metadata_sequence_ = 0;
  bool metadata_read_ = false;
  bool have_checkpoint_ = false;
  bool checkpoint_read_ = false;
  bool have_segments_ = false;
  bool log_read_ = false;
  Checkpoint checkpoint_;
  std::map<TopicId, Known> known_;
  std::map<std::uint64_t, std::vector<std::pair<TopicId, Extent>>> by_segment_;
  std::vector<std::pair<TopicId, EntryRange>> gaps_;
};

}  // namespace

bool FsckReport::sound() const {
  return std::ranges::none_of(findings, &FsckFinding::damage);
}

Result<FsckReport> check_directory(base::FileSystem& files, const fs::path& directory) {
  GEMINGA_TRY(const auto held, DataDirectory::inspect(files, directory));
  return Check(files, directory, held->uuid()).run();
}

}  // namespace geminga::storage
