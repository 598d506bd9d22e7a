#include "cli/event_lines.hpp"

namespace geminga::cli {

bool EventLines::take(std::string_view piece) {
  rest_ += piece;
  std::size_t begin = 0;
  for (std::size_t end = rest_.find('\n'); !ended_ && end != std::string::npos;
       end = rest_.find('\n', begin)) {
    std::string_view text(rest_.data() + begin, end - begin);
    if (text.ends_with('\r')) text.remove_suffix(1);
    ended_ = !line(text);
    begin = end + 1;
  }
  rest_.erase(0, begin);
  return !ended_;
}

bool EventLines::line(std::string_view text) {
  if (text.empty()) {
    const bool go_on = !has_data_ || on_event_(event_.empty() ? "message" : event_, data_);
    event_.clear();
    data_.clear();
    has_data_ = false;
    return go_on;
  }
  const std::size_t colon = text.find(':');
  const std::string_view field = text.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") event_ = value;
  if (field == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  }
  return true;
}

}  // namespace geminga::cli
