#include "cli/token_file.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

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
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in.is_open())
    return fail(ErrorCode::io_error,
                fmt::format("cannot read the token file {}; does it exist and may this user read it?", file));
  auto token = trimmed(text);
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
