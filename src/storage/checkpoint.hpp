#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <geminga/error.hpp>

#include "base/file_system.hpp"
#include "storage/bytes.hpp"
#include "storage/topic_table.hpp"

namespace geminga::storage {

/// The state of the log behind a group: what is not in here is read from the journal.
/// docs/formats/checkpoint.md has the bytes.
struct Checkpoint {
  bool of_older_version = false;  ///< of the format; not written
  std::uint64_t covered = 0;      ///< group up to which everything is in here and in the segments
  LedgerId next_ledger{1};
  std::uint64_t next_segment = 1;
  std::uint64_t metadata_sequence = 0;  ///< the metadata store must have come at least this far
  struct Segment {
    std::uint64_t number = 0;
    std::uint64_t bytes = 0;
  };
  std::vector<Segment> segments;
  struct TopicPart {
    TopicId id;
    TopicState state;  ///< stored_bytes is counted again from the extents
    SentSequences sequences;
  };
  std::vector<TopicPart> topics;
  struct ExtentPart {
    TopicId topic;
    Extent extent;
  };
  std::vector<ExtentPart> extents;  ///< ascending in each topic
};

inline constexpr char kCheckpointFile[] = "checkpoint";

/// The states of all topics as of a group, taken under the table's lock; the extents come later, when the
/// entries stand in a segment.
class CheckpointStates {
 public:
  CheckpointStates(std::uint64_t covered, LedgerId next_ledger)
      : covered_(covered), next_ledger_(next_ledger) {}
  void add(TopicId id, const TopicState& state, const SentSequences& sequences);
  [[nodiscard]] std::uint64_t covered() const { return covered_; }
  /// Not written: topics whose drop it covers, so that behind it nothing on the disk names them.
  void set_drops(std::vector<TopicId> drops) { drops_ = std::move(drops); }
  [[nodiscard]] const std::vector<TopicId>& drops() const { return drops_; }

 private:
  friend std::string encode_checkpoint(const RawUuid&, const CheckpointStates&, const Checkpoint&);
  std::uint64_t covered_;
  LedgerId next_ledger_;
  std::uint64_t count_ = 0;
  StreamWriter topics_;
  std::vector<TopicId> drops_;
};

/// `rest` gives what is not in `states`.
std::string encode_checkpoint(const RawUuid& directory, const CheckpointStates& states,
                              const Checkpoint& rest);

/// Errors: corrupted (damaged, or of another directory), format_too_new.
Result<Checkpoint> decode_checkpoint(const RawUuid& directory, std::span<const std::byte> bytes);

}  // namespace geminga::storage
