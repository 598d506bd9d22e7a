#include "mcp/config_watch.hpp"

#include <sys/stat.h>
#include <utility>

namespace geminga::mcp {

ConfigWatch::ConfigWatch(base::EventLoop& loop, std::filesystem::path file,
                         std::chrono::milliseconds interval, std::function<void()> on_change)
    : file_(std::move(file)),
      interval_(interval),
      on_change_(std::move(on_change)),
      known_(look()),
      candidate_(known_),
      timer_(loop) {
  timer_.set_after(interval_, [this] { tick(); });
}

ConfigWatch::Signature ConfigWatch::look() const {
  struct stat info{};
  if (::stat(file_.c_str(), &info) != 0) return {};
  return {.modified_ns = info.st_mtim.tv_sec * std::int64_t{1'000'000'000} + info.st_mtim.tv_nsec,
          .size = info.st_size,
          .inode = info.st_ino};
}

void ConfigWatch::tick() {
  const Signature now = look();
  const bool settled = now == candidate_;
  candidate_ = now;
  timer_.set_after(interval_, [this] { tick(); });
  if (settled && now != known_) {
    known_ = now;
    on_change_();
  }
}

}  // namespace geminga::mcp
