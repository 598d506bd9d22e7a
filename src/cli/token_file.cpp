#include "cli/token_file.hpp"

#include <cstdlib>

#include <fmt/format.h>

#include "base/secret_file.hpp"
#include "cli/output.hpp"

namespace geminga::cli {
namespace {

constexpr std::string_view kFile = "file://";
constexpr std::string_view kBlanks = " \t\r\n";

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kBlanks) - first + 1));
}

Result<std::string> read_token(const std::string& file) {
  auto content = base::read_secret_file(file);
  if (!content) return std::unexpected(content.error().with("the token"));
  if (const std::string exposure = base::exposure_of(file); !exposure.empty()) note(exposure);
  auto token = trimmed(*content);
  if (token.empty() || token.find_first_of(kBlanks) != std::string::npos)
    return fail(ErrorCode::invalid_argument, fmt::format("the file {} holds no token", file));
  return token;
}

}  // namespace

Result<std::string> token_of(const Arguments& arguments) {
  if (arguments.has("token-file")) return read_token(arguments.text("token-file"));
  const char* named = std::getenv("GEMINGA_TOKEN");
  if (named == nullptr) return std::string();
  const std::string text = trimmed(named);
  if (text.starts_with(kFile)) return read_token(text.substr(kFile.size()));
  return text;
}

}  // namespace geminga::cli
