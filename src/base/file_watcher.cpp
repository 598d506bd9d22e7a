#include "base/file_watcher.hpp"

#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <fmt/format.h>

#include "base/log.hpp"

namespace geminga::base {
namespace {

namespace fs = std::filesystem;

// A file that never rests is reported after so many quiet times.
constexpr int kQuietTimesMax = 10;

/// What tells one state of a file from another; all zero where there is none.
struct Stamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  bool operator==(const Stamp&) const = default;
};

/// Follows symbolic links, so that a link pointed elsewhere is a change.
Stamp stamp_of(const fs::path& file) {
  struct stat found{};
  if (::stat(file.c_str(), &found) != 0) return {};
  const auto nanoseconds = [](const timespec& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
  };
  return {.device = found.st_dev,
          .inode = found.st_ino,
          .size = found.st_size,
          .modified_ns = nanoseconds(found.st_mtim),
          .changed_ns = nanoseconds(found.st_ctim)};
}

fs::path folder_of(const fs::path& file) {
  const fs::path folder = file.parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

std::string reason() {
  return std::generic_category().message(errno);
}

}  // namespace

struct FileWatcher::Impl : std::enable_shared_from_this<FileWatcher::Impl> {
  struct Watched {
    fs::path file;
    std::function<void()> changed;
    Stamp reported;  // the state at the last callback
    Stamp seen;      // the latest one
    MonotonicTime first_change{};
    std::unique_ptr<Timer> timer;
    bool pending = false;
  };

  Impl(EventLoop& the_loop, int fd, std::chrono::milliseconds the_quiet)
      : loop(the_loop), quiet(the_quiet), descriptor(the_loop.context(), fd) {}

  Result<> watch_folder(const fs::path& folder);
  void read_events();
  void look();
  void look_at(Watched& watched);
  void settle(Watched& watched);

  EventLoop& loop;
  std::chrono::milliseconds quiet;
  boost::asio::posix::stream_descriptor descriptor;
  alignas(inotify_event) std::array<char, 16 * 1024> buffer{};
  std::vector<std::unique_ptr<Watched>> files;
  bool closed = false;
};

Result<> FileWatcher::Impl::watch_folder(const fs::path& folder) {
  constexpr std::uint32_t kEvents = IN_CREATE | IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_MOVED_FROM |
                                    IN_DELETE | IN_ATTRIB | IN_ONLYDIR;
  if (::inotify_add_watch(descriptor.native_handle(), folder.c_str(), kEvents) >= 0) return {};
  const std::string_view remedy = errno == ENOSPC ? "; raise fs.inotify.max_user_watches" : "";
  return fail(ErrorCode::io_error,
              fmt::format("folder {} cannot be watched: {}{}", folder.string(), reason(), remedy));
}

/// What the events say is of no interest: names can be those of links and of an editor's copies. Any event is
/// a reason to look at the files themselves.
void FileWatcher::Impl::read_events() {
  descriptor.async_read_some(
      boost::asio::buffer(buffer),
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
        if (error || self->closed) return;
        self->look();
        self->read_events();
      });
}

void FileWatcher::Impl::look() {
  for (const auto& watched : files) look_at(*watched);
}

void FileWatcher::Impl::look_at(Watched& watched) {
  const Stamp now = stamp_of(watched.file);
  if (now == watched.seen) return;
  watched.seen = now;
  if (!watched.pending) watched.first_change = std::chrono::steady_clock::now();
  watched.pending = true;
  const MonotonicTime rested = std::chrono::steady_clock::now() + quiet;
  const MonotonicTime latest = watched.first_change + kQuietTimesMax * quiet;
  watched.timer->set(std::min(rested, latest), [this, &watched] { settle(watched); });
}

void FileWatcher::Impl::settle(Watched& watched) {
  watched.pending = false;
  // A link may lead to another folder by now.
  std::error_code ignored;
  const fs::path target = fs::canonical(watched.file, ignored);
  if (!ignored) {
    if (const auto watching = watch_folder(folder_of(target)); !watching)
      log::warn("files", "{}: only its own folder is watched: {}", watched.file.string(),
                watching.error().message);
  }
  watched.seen = stamp_of(watched.file);
  if (watched.seen == watched.reported) return;  // it went and came back as it was
  watched.reported = watched.seen;
  const auto self = shared_from_this();  // the callback may let go of the watcher
  watched.changed();
}

FileWatcher::FileWatcher(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

FileWatcher::~FileWatcher() {
  impl_->closed = true;
  for (const auto& watched : impl_->files) watched->timer->cancel();
  boost::system::error_code ignored;
  impl_->descriptor.close(ignored);
}

Result<std::unique_ptr<FileWatcher>> FileWatcher::open(EventLoop& loop, std::chrono::milliseconds quiet) {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) {
    const std::string_view remedy = errno == EMFILE ? "; raise fs.inotify.max_user_instances" : "";
    return fail(ErrorCode::io_error, fmt::format("files cannot be watched: {}{}", reason(), remedy));
  }
  auto impl = std::make_shared<Impl>(loop, fd, quiet);
  impl->read_events();
  return std::unique_ptr<FileWatcher>(new FileWatcher(std::move(impl)));
}

Result<> FileWatcher::watch(const fs::path& file, std::function<void()> changed) {
  // Before the first look, or a change between the two would be lost.
  if (auto watching = impl_->watch_folder(folder_of(file)); !watching) return watching;
  std::error_code error;
  const fs::path target = fs::canonical(file, error);
  if (!error)
    if (auto watching = impl_->watch_folder(folder_of(target)); !watching) return watching;
  auto watched = std::make_unique<Impl::Watched>();
  watched->file = file;
  watched->changed = std::move(changed);
  watched->reported = watched->seen = stamp_of(file);
  watched->timer = std::make_unique<Timer>(impl_->loop);
  impl_->files.push_back(std::move(watched));
  return {};
}

}  // namespace geminga::base
