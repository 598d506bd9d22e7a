#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>

#include "base/event_loop.hpp"

namespace geminga::mcp {

/// Looks at a file now and then and says when it has changed and stayed the same for one look, so that a file
/// is not read while an editor writes it. Lives on the loop.
class ConfigWatch {
 public:
  ConfigWatch(base::EventLoop& loop, std::filesystem::path file, std::chrono::milliseconds interval,
              std::function<void()> on_change);

 private:
  struct Signature {
    std::int64_t modified_ns = 0;
    std::int64_t size = -1;
    std::uint64_t inode = 0;
    bool operator==(const Signature&) const = default;
  };
  [[nodiscard]] Signature look() const;
  void tick();

  const std::filesystem::path file_;
  const std::chrono::milliseconds interval_;
  const std::function<void()> on_change_;
  Signature known_;
  Signature candidate_;
  base::Timer timer_;
};

}  // namespace geminga::mcp
