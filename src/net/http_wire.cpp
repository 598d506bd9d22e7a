#include "net/http_wire.hpp"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "net/http_server.hpp"

namespace geminga::net {

namespace {

/// IMF-fixdate (RFC 9110 section 5.6.7), made once a second.
const std::string& http_date() {
  thread_local std::time_t second = 0;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != second) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    char buffer[40];
    // The process may run in any locale for LC_TIME; the names of days and months are fixed here.
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto end = fmt::format_to_n(buffer, sizeof buffer, "{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                                      kDays[parts.tm_wday], parts.tm_mday, kMonths[parts.tm_mon],
                                      parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
    text.assign(buffer, end.out);
    second = now;
  }
  return text;
}

std::string one_line(std::string_view value) {
  std::string line(value);
  std::ranges::replace_if(line, [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  return line;
}

}  // namespace

bool status_has_body(int status) noexcept {
  return status >= 200 && status != 204 && status != 304;
}

std::string render_head(const HttpResponse& response, HeadOptions options) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status,
                                 reason_phrase(response.status), http_date());
  for (const auto& [name, value] : response.headers)
    fmt::format_to(std::back_inserter(head), "{}: {}\r\n", one_line(name), one_line(value));
  // Nothing that we answer may be taken for another type than it says.
  head += "X-Content-Type-Options: nosniff\r\n";
  if (options.framing == BodyFraming::chunked)
    head += "Transfer-Encoding: chunked\r\n";
  else if (options.framing == BodyFraming::content_length && status_has_body(response.status))
    fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", response.body.size());
  head += options.keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return head;
}

std::string render_chunk_head(std::size_t bytes) {
  return fmt::format("{:x}\r\n", bytes);
}

std::string format_event(std::string_view data, std::string_view event, std::string_view id) {
  std::string text;
  if (!event.empty()) text.append("event: ").append(one_line(event)).append("\n");
  if (!id.empty()) text.append("id: ").append(one_line(id)).append("\n");
  while (true) {
    const std::size_t end = data.find_first_of("\r\n");
    text.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    const bool pair = data[end] == '\r' && end + 1 < data.size() && data[end + 1] == '\n';
    data.remove_prefix(end + (pair ? 2 : 1));
  }
  return text + "\n";
}

}  // namespace geminga::net
