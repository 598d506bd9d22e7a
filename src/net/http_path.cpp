#include "net/http_path.hpp"

#include <algorithm>

#include "base/try.hpp"
#include "base/utf8.hpp"

namespace geminga::net {

namespace {

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

Result<std::string> parse_segment(std::string_view encoded) {
  GEMINGA_TRY(std::string segment, percent_decode(encoded));
  if (segment == "." || segment == "..")
    return fail(ErrorCode::parse_error, "the path has a '.' or '..' segment; write the path that is meant");
  if (std::ranges::any_of(segment, [](char c) { return c == '/' || c == '\\' || is_control(c); }))
    return fail(ErrorCode::parse_error,
                "a path segment holds a slash, a backslash or a control character; names with slashes go "
                "into the query (?topic=...)");
  return segment;
}

Result<std::vector<std::string>> parse_path(std::string_view path) {
  if (!path.starts_with('/')) return fail(ErrorCode::parse_error, "the path does not start with '/'");
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    if (end == 0 && !path.empty())
      return fail(ErrorCode::parse_error, "the path has an empty segment ('//')");
    GEMINGA_TRY(std::string segment, parse_segment(path.substr(0, end)));
    segments.push_back(std::move(segment));
    path.remove_prefix(end);
  }
  return segments;
}

Result<std::string> parse_query_part(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  GEMINGA_TRY(std::string decoded, percent_decode(spaced));
  if (decoded.find('\0') != std::string::npos)
    return fail(ErrorCode::parse_error, "a query parameter holds a NUL character");
  return decoded;
}

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    GEMINGA_TRY(std::string name, parse_query_part(part.substr(0, equals)));
    std::string value;
    if (equals != std::string_view::npos) {
      GEMINGA_TRY(value, parse_query_part(part.substr(equals + 1)));
    }
    pairs.emplace_back(std::move(name), std::move(value));
  }
  return pairs;
}

}  // namespace

Result<HttpTarget> parse_target(std::string_view target) {
  if (target.find('#') != std::string_view::npos)
    return fail(ErrorCode::parse_error, "a request target has no fragment ('#')");
  const std::size_t mark = std::min(target.find('?'), target.size());
  HttpTarget parsed;
  GEMINGA_TRY(parsed.segments, parse_path(target.substr(0, mark)));
  GEMINGA_TRY(parsed.query, parse_query(target.substr(std::min(mark + 1, target.size()))));
  return parsed;
}

}  // namespace geminga::net
