#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace geminga::wire::mcp {

/// Cuts a stream into lines, whatever pieces it comes in. Never holds more than the limit: of a longer line
/// only the two ends are kept.
class LineSplitter {
 public:
  struct Line {
    std::string text;  ///< without its end (\n or \r\n); the first bytes of a line over the limit
    std::string tail;  ///< the last bytes of a line over the limit
    bool over_limit = false;
  };

  explicit LineSplitter(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  /// The lines that are complete with these bytes.
  std::vector<Line> feed(std::string_view bytes);
  /// What stands after the last line end, when the stream has ended there.
  [[nodiscard]] std::string_view rest() const { return line_; }

 private:
  void append(std::string_view piece);
  Line take();

  static constexpr std::size_t kEdgeBytes = 256;
  const std::size_t max_line_bytes_;
  std::string line_;
  std::string tail_;  // only while over the limit
  bool over_limit_ = false;
};

}  // namespace geminga::wire::mcp
