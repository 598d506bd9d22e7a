#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/error.hpp>

namespace geminga::wire::mcp {

struct SseEvent {
  std::string event = "message";
  std::string data;
};

/// Server-sent events (WHATWG HTML, section "Interpreting an event stream"), whatever pieces they come in.
class SseParser {
 public:
  explicit SseParser(std::size_t max_event_bytes) : max_event_bytes_(max_event_bytes) {}

  /// Appends the events that are complete with these bytes. After an error the stream is of no more use.
  /// Errors: too_large (one event or line over the limit).
  Result<> feed(std::string_view bytes, std::vector<SseEvent>& events);

  [[nodiscard]] const std::string& last_event_id() const { return last_event_id_; }
  /// The server's wish for the delay before a reconnect.
  [[nodiscard]] std::optional<std::uint32_t> retry_ms() const { return retry_ms_; }

 private:
  void end_line(std::vector<SseEvent>& events);
  void take_field(std::string_view name, std::string_view value);

  const std::size_t max_event_bytes_;
  std::string line_;
  bool first_line_ = true;
  bool skip_line_feed_ = false;  // the last line ended with \r; a \n that follows belongs to it
  std::string data_;
  bool has_data_ = false;
  std::string event_;
  std::string last_event_id_;
  std::optional<std::uint32_t> retry_ms_;
};

}  // namespace geminga::wire::mcp
