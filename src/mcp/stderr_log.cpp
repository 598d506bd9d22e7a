#include "mcp/stderr_log.hpp"

#include <utility>

#include "base/log.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::mcp {

void StderrLog::feed(std::string_view bytes) {
  for (auto& line : splitter_.feed(bytes)) {
    if (line.over_limit) line.text += "...";
    if (!line.text.empty()) take(std::move(line.text));
  }
}

void StderrLog::take(std::string line) {
  const auto now = std::chrono::steady_clock::now();
  if (now - second_start_ >= std::chrono::seconds{1}) {
    if (suppressed_ > 0)
      log::warn("mcp", "server '{}' floods its stderr: {} lines were not logged", server_,
                std::exchange(suppressed_, 0));
    second_start_ = now;
    logged_this_second_ = 0;
  }
  if (++logged_this_second_ <= kLoggedPerSecond) {
    log::debug("mcp", "server '{}' says: {}", server_, line);
  } else {
    ++suppressed_;
  }
  tail_.push_back(wire::mcp::replace_invalid_utf8(line));
  if (tail_.size() > kLinesKept) tail_.pop_front();
}

}  // namespace geminga::mcp
