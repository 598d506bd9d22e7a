#include "storage/backup.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "base/file_system.hpp"
#include "base/make_directories.hpp"
#include "base/try.hpp"
#include "storage/checkpoint.hpp"
#include "storage/directory.hpp"
#include "storage/journal_copy.hpp"
#include "storage/segment.hpp"
#include "storage/sqlite.hpp"

namespace geminga::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPieceBytes = 1 << 20;
constexpr std::chrono::seconds kLockPatience{2};
constexpr std::chrono::milliseconds kLockPause{5};
constexpr int kCopiesAgain = 2;

/// The lock is taken for moments by the process that looks whether somebody holds it.
Result<std::unique_ptr<base::FileLock>> lock_for_copy(base::FileSystem& files, const fs::path& directory) {
  const auto deadline = std::chrono::steady_clock::now() + kLockPatience;
  for (;;) {
    auto lock = files.lock(directory / kBackupFile);
    if (lock || lock.error().code != ErrorCode::directory_locked) return lock;
    if (std::chrono::steady_clock::now() > deadline)
      return fail(ErrorCode::directory_locked,
                  fmt::format("'{}' is being copied by another process; wait for it", directory.string()));
    std::this_thread::sleep_for(kLockPause);
  }
}

Result<> copy_file(base::FileSystem& files, const fs::path& from, const fs::path& to) {
  GEMINGA_TRY(const auto source, files.open(from, {.mode = base::OpenMode::read}));
  GEMINGA_TRY(const auto target, files.open(to, {.mode = base::OpenMode::create}));
  std::vector<std::byte> piece(kPieceBytes);
  for (std::uint64_t at = 0;;) {
    GEMINGA_TRY(const std::size_t got, source->read_at(at, piece));
    if (got == 0) break;
    GEMINGA_TRY_VOID(target->write_at(at, std::span(piece).first(got)));
    at += got;
  }
  return target->sync_data();
}

Result<> make_empty(base::FileSystem& files, const fs::path& directory) {
  GEMINGA_TRY(const bool there, files.exists(directory));
  if (!there) return base::make_directories(files, directory);
  GEMINGA_TRY(const auto entries, files.list(directory));
  for (const base::DirectoryEntry& entry : entries) {
    if (entry.name == "lost+found") continue;
    return fail(ErrorCode::invalid_argument,
                fmt::format("'{}' is not empty (it has '{}'); name a directory that is empty or not there",
                            directory.string(), entry.name));
  }
  return {};
}

class Copy {
 public:
  Copy(base::FileSystem& files, fs::path from, fs::path to)
      : files_(files), from_(std::move(from)), to_(std::move(to)) {}

  Result<> run() {
    GEMINGA_TRY(const std::string uuid, DataDirectory::uuid_of(files_, from_));
    // Nobody may start on it meanwhile. Held by a running process: it looks at the other lock.
    auto held = DataDirectory::inspect(files_, from_);
    if (!held && held.error().code != ErrorCode::directory_locked) return std::unexpected(held.error());
    GEMINGA_TRY(const auto lock, lock_for_copy(files_, from_));
    GEMINGA_TRY_VOID(make_empty(files_, to_));
    GEMINGA_TRY_VOID(copy_log(raw_uuid(uuid)));
    // Behind the log: names must not be older than what stands on them, nor a job than its messages.
    GEMINGA_TRY_VOID(copy_databases());
    return files_.sync_directory(to_);
  }

 private:
  Result<> copy_log(const RawUuid& uuid) {
    Checkpoint checkpoint;
    GEMINGA_TRY(const bool there, files_.exists(from_ / kCheckpointFile));
    if (there) {
      GEMINGA_TRY(const std::string bytes, base::read_file(files_, from_ / kCheckpointFile));
      GEMINGA_TRY(checkpoint, decode_checkpoint(uuid, std::as_bytes(std::span(bytes))));
      for (const Checkpoint::Segment& segment : checkpoint.segments) {
        const std::string name = segment_file_name(segment.number);
        GEMINGA_TRY_VOID(copy_file(files_, from_ / name, to_ / name));
      }
      GEMINGA_TRY_VOID(base::replace_file(files_, to_ / kCheckpointFile, bytes));
    }
    return copy_journal(files_, {.from = from_, .to = to_, .uuid = uuid, .covered = checkpoint.covered});
  }

  Result<> copy_databases() {
    GEMINGA_TRY(const auto entries, files_.list(from_));
    for (const base::DirectoryEntry& entry : entries) {
      if (entry.name == kMetadataFile || entry.name.ends_with(".sqlite"))
        GEMINGA_TRY_VOID(copy_sqlite(from_ / entry.name, to_ / entry.name));
    }
    return {};
  }

  base::FileSystem& files_;
  const fs::path from_;
  const fs::path to_;
};

Result<FsckReport> copy_and_check(base::FileSystem& files, const fs::path& from, const fs::path& to) {
  GEMINGA_TRY_VOID(Copy(files, from, to).run());
  GEMINGA_TRY(const std::string format, base::read_file(files, from / kFormatFile));
  GEMINGA_TRY_VOID(base::replace_file(files, to / kFormatFile, format));
  GEMINGA_TRY(FsckReport report, check_directory(files, to));
  if (!report.sound()) GEMINGA_TRY_VOID(files.unlink(to / kFormatFile));
  return report;
}

Result<> remove_files(base::FileSystem& files, const fs::path& directory) {
  GEMINGA_TRY(const auto entries, files.list(directory));
  for (const base::DirectoryEntry& entry : entries) {
    if (entry.name != "lost+found") GEMINGA_TRY_VOID(files.unlink(directory / entry.name));
  }
  return {};
}

}  // namespace

Result<FsckReport> copy_directory(base::FileSystem& files, const fs::path& from, const fs::path& to) {
  GEMINGA_TRY(FsckReport report, copy_and_check(files, from, to));
  // A compaction may end between the copy of the log and that of the metadata.
  for (int again = 0; again < kCopiesAgain && report.metadata_ahead; ++again) {
    GEMINGA_TRY_VOID(remove_files(files, to));
    GEMINGA_TRY(report, copy_and_check(files, from, to));
  }
  if (report.sound()) return report;
  const auto damage = std::ranges::find_if(report.findings, &FsckFinding::damage);
  return fail(ErrorCode::corrupted,
              fmt::format("the copy in '{}' is not sound: {}: {}; look at '{}' with `geminga fsck`",
                          to.string(), damage->file, damage->text, from.string()));
}

}  // namespace geminga::storage
