#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>

#include <geminga/error.hpp>

#include "base/event_loop.hpp"

namespace geminga::base {

/// Tells when single files change, by inotify on the folders they stand in (an editor writes a new file and
/// renames it over the old one; a watch on the file itself would be left with the old one). Also sees a file
/// appear, vanish, and a symbolic link that is pointed elsewhere; a folder that is itself replaced is not
/// seen. Linux only. Every member on the loop's thread only; it must go before its loop.
class FileWatcher {
 public:
  /// `quiet` is how long a file must have stayed as it is before the callback runs; a file that never rests
  /// is reported every ten of these. Errors: io_error (no inotify instance left, with the remedy).
  static Result<std::unique_ptr<FileWatcher>> open(
      EventLoop& loop, std::chrono::milliseconds quiet = std::chrono::milliseconds{200});
  ~FileWatcher();
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

  /// Runs `changed` on the loop's thread, once for each burst of changes to `file`, which need not exist yet.
  /// Errors: io_error (its folder does not exist or cannot be watched).
  Result<> watch(const std::filesystem::path& file, std::function<void()> changed);

 private:
  struct Impl;
  explicit FileWatcher(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace geminga::base
