#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace geminga::cli {

/// Takes a stream of server-sent events (WHATWG HTML section 9.2) apart, in pieces of any size.
class EventLines {
 public:
  /// Gets the event's name (or "message") and its data; false ends the stream.
  using OnEvent = std::function<bool(const std::string& event, const std::string& data)>;
  explicit EventLines(OnEvent on_event) : on_event_(std::move(on_event)) {}

  /// False once on_event said so.
  bool take(std::string_view piece);

 private:
  bool line(std::string_view text);
  OnEvent on_event_;
  std::string rest_;
  std::string event_;
  std::string data_;
  bool has_data_ = false;
  bool ended_ = false;
};

}  // namespace geminga::cli
