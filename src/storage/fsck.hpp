#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <geminga/error.hpp>

#include "storage/entry.hpp"

namespace geminga::base {
class FileSystem;
}

namespace geminga::storage {

/// One thing that was found in a data directory.
struct FsckFinding {
  bool damage = true;  ///< false: a remark, as the tail that a killed process leaves
  std::string file;    ///< its name in the directory
  std::string text;    ///< what, and what it means
};

/// A topic that damage has hit.
struct HurtTopic {
  std::string name;            ///< empty: the metadata does not know it
  std::uint64_t entries = 0;   ///< that the topic keeps, by its state
  std::uint64_t in_reach = 0;  ///< of them, stored undamaged
};

/// What a check of a data directory saw.
struct FsckReport {
  std::string uuid;
  std::uint64_t topics = 0, segments = 0, extents = 0, journal_groups = 0, last_group = 0;
  std::vector<FsckFinding> findings;
  std::map<TopicId, HurtTopic> hurt;
  /// They name a compacted view that the log does not have whole, as in a copy that was made while a
  /// compaction ended.
  bool metadata_ahead = false;
  /// Nothing that was acknowledged is missing or damaged.
  [[nodiscard]] bool sound() const;
};

/// Reads everything in a data directory that nobody uses: metadata, checkpoint, each extent of each segment,
/// each group of the journal, and whether they fit together. Changes nothing (SQLite may move its own log
/// into its file). Errors: those for which there is nothing to report: not_found, directory_locked,
/// format_too_new, disk_error.
Result<FsckReport> check_directory(base::FileSystem& files, const std::filesystem::path& directory);

}  // namespace geminga::storage
