#include "mcp/expand.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/secret_file.hpp"
#include "base/try.hpp"

namespace geminga::mcp {
namespace {

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  const auto letter_or_digit = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !text.empty() && letter(text.front()) && std::ranges::all_of(text, letter_or_digit);
}

// A file with one secret in it; the end of its line does not belong to it.
Result<std::string> read_secret(std::string_view name) {
  auto content = base::read_secret_file(name);
  if (!content) return std::unexpected(content.error().with(fmt::format("${{file:{}}}", name)));
  while (content->ends_with('\n') || content->ends_with('\r')) content->pop_back();
  return content;
}

}  // namespace

Result<std::string> expand_variables(std::string_view text, Environment environment) {
  std::string out;
  while (true) {
    const std::size_t start = text.find("${");
    const std::size_t end = start == std::string_view::npos ? start : text.find('}', start);
    if (end == std::string_view::npos) return out.append(text);
    std::string_view inside = text.substr(start + 2, end - start - 2);
    if (inside.starts_with("file:")) {
      GEMINGA_TRY(const std::string content, read_secret(inside.substr(5)));
      out.append(text.substr(0, start)).append(content);
      text.remove_prefix(end + 1);
      continue;
    }
    if (inside.starts_with("env:")) inside.remove_prefix(4);
    const std::size_t dash = inside.find(":-");
    const std::string name(inside.substr(0, dash));
    out.append(text.substr(0, start));
    if (!is_name(name)) {
      out.append(text.substr(start, end + 1 - start));
    } else if (const char* value = environment(name.c_str()); value != nullptr) {
      out.append(value);
    } else if (dash != std::string_view::npos) {
      out.append(inside.substr(dash + 2));
    } else {
      return fail(ErrorCode::config_error,
                  fmt::format("${{{0}}} is not set in the environment; set it before the start, or "
                              "write ${{{0}:-default}}",
                              name));
    }
    text.remove_prefix(end + 1);
  }
}

}  // namespace geminga::mcp
