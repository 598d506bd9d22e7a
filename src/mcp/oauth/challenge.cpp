#include "mcp/oauth/challenge.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace geminga::mcp::oauth {
namespace {

// Reads `scheme name=value, name="value", scheme ...` from left to right (RFC 9110 section 11.6.1).
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<Challenge> bearer() {
    std::optional<Challenge> found;
    bool ours = false;
    while (skip(" \t,"), !text_.empty()) {
      const std::string_view name = token();
      if (name.empty()) return found;  // malformed: what was read so far counts
      const std::string_view rest = text_;
      skip(" \t");
      if (take('=')) {
        skip(" \t");
        std::string text = value();
        if (ours) set(*found, name, std::move(text));
        continue;
      }
      text_ = rest;
      if (found) return found;  // the next scheme begins
      ours = net::equal_ignoring_case(name, "Bearer");
      if (ours) found.emplace();
    }
    return found;
  }

 private:
  void skip(std::string_view characters) {
    text_.remove_prefix(std::min(text_.find_first_not_of(characters), text_.size()));
  }
  bool take(char character) {
    if (!text_.starts_with(character)) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::string_view token() {
    const std::string_view found = text_.substr(0, text_.find_first_of(" \t,=\""));
    text_.remove_prefix(found.size());
    return found;
  }
  std::string value() {
    if (!take('"')) return std::string(token());
    std::string text;
    while (!text_.empty() && !take('"')) {
      take('\\');
      if (text_.empty()) break;
      text += text_.front();
      text_.remove_prefix(1);
    }
    return text;
  }
  static void set(Challenge& challenge, std::string_view name, std::string value) {
    if (net::equal_ignoring_case(name, "resource_metadata")) challenge.resource_metadata = std::move(value);
    if (net::equal_ignoring_case(name, "scope")) challenge.scope = std::move(value);
    if (net::equal_ignoring_case(name, "error")) challenge.error = std::move(value);
    if (net::equal_ignoring_case(name, "error_description")) challenge.error_description = std::move(value);
  }

  std::string_view text_;
};

}  // namespace

std::optional<Challenge> read_challenge(const net::HttpHeaders& headers) {
  for (const auto& [name, value] : headers) {
    if (!net::equal_ignoring_case(name, "WWW-Authenticate")) continue;
    if (auto challenge = Reader(value).bearer()) return challenge;
  }
  return std::nullopt;
}

}  // namespace geminga::mcp::oauth
