#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "wire/mcp/line_splitter.hpp"

namespace geminga::mcp {

/// What a server writes to stderr: the last lines are kept, a bounded number a second is logged, the rest is
/// counted.
class StderrLog {
 public:
  explicit StderrLog(std::string server) : server_(std::move(server)) {}

  void feed(std::string_view bytes);
  [[nodiscard]] std::vector<std::string> tail() const { return {tail_.begin(), tail_.end()}; }
  [[nodiscard]] std::string last_line() const { return tail_.empty() ? std::string() : tail_.back(); }

 private:
  void take(std::string line);

  static constexpr std::size_t kLinesKept = 20;
  static constexpr std::size_t kLineBytesMax = 1'024;
  static constexpr unsigned kLoggedPerSecond = 50;

  std::string server_;
  wire::mcp::LineSplitter splitter_{kLineBytesMax};
  std::deque<std::string> tail_;
  std::chrono::steady_clock::time_point second_start_{};
  unsigned logged_this_second_ = 0;
  std::uint64_t suppressed_ = 0;
};

}  // namespace geminga::mcp
