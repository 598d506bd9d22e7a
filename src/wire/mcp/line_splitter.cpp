#include "wire/mcp/line_splitter.hpp"

#include <algorithm>
#include <utility>

namespace geminga::wire::mcp {
namespace {

std::string_view last(std::string_view text, std::size_t count) {
  return text.substr(text.size() - std::min(text.size(), count));
}

}  // namespace

void LineSplitter::append(std::string_view piece) {
  if (!over_limit_ && line_.size() + piece.size() <= max_line_bytes_) {
    line_.append(piece);
    return;
  }
  if (!over_limit_) {
    over_limit_ = true;
    tail_ = last(line_, kEdgeBytes);
    if (line_.size() < kEdgeBytes) {
      line_.append(piece.substr(0, kEdgeBytes - line_.size()));
    } else {
      line_.resize(kEdgeBytes);
      line_.shrink_to_fit();
    }
  }
  tail_.append(last(piece, kEdgeBytes));
  tail_.erase(0, tail_.size() - std::min(tail_.size(), kEdgeBytes));
}

LineSplitter::Line LineSplitter::take() {
  std::string& end = over_limit_ ? tail_ : line_;
  if (end.ends_with('\r')) end.pop_back();
  Line line{std::move(line_), std::move(tail_), over_limit_};
  line_.clear();
  tail_.clear();
  over_limit_ = false;
  return line;
}

std::vector<LineSplitter::Line> LineSplitter::feed(std::string_view bytes) {
  std::vector<Line> lines;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    append(bytes.substr(0, end));
    if (end == std::string_view::npos) break;
    lines.push_back(take());
    bytes.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace geminga::wire::mcp
