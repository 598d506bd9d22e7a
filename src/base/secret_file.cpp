#include "base/secret_file.hpp"

#include <fstream>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/try.hpp"

namespace geminga::base {
namespace {

constexpr std::size_t kBytesMax = 64 << 10;
constexpr std::string_view kBlanks = " \t\r\n";

}  // namespace

Result<std::string> read_public_file(const std::filesystem::path& file, std::size_t bytes_max) {
  std::error_code ignored;
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file, ignored))
    return fail(
        ErrorCode::config_error,
        fmt::format("the file {} cannot be read; does it exist and may this user read it?", file.string()));
  std::string content(bytes_max + 1, '\0');
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(in.gcount()));
  if (in.bad())
    return fail(ErrorCode::config_error, fmt::format("reading the file {} failed", file.string()));
  if (content.empty() || content.size() > bytes_max)
    return fail(ErrorCode::config_error,
                fmt::format("the file {} {}, which is no secret and no key", file.string(),
                            content.empty() ? "is empty" : fmt::format("is over {} bytes", bytes_max)));
  return content;
}

Result<std::string> read_public_file(const std::filesystem::path& file) {
  return read_public_file(file, kBytesMax);
}

Result<std::string> read_secret_file(const std::filesystem::path& file) {
  GEMINGA_TRY(std::string content, read_public_file(file));
  if (const std::string exposure = exposure_of(file); !exposure.empty()) log::warn("secrets", "{}", exposure);
  return content;
}

Result<std::string> read_secret_line(const std::filesystem::path& file) {
  GEMINGA_TRY(const std::string content, read_secret_file(file));
  const std::string_view line = std::string_view(content).substr(0, content.find('\n'));
  const std::size_t first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos)
    return fail(
        ErrorCode::config_error,
        fmt::format("the first line of the file {} is empty; write the secret into it", file.string()));
  return std::string(line.substr(first, line.find_last_not_of(kBlanks) - first + 1));
}

std::string exposure_of(const std::filesystem::path& file) {
  using std::filesystem::perms;
  std::error_code ignored;
  const auto status = std::filesystem::status(file, ignored);
  if (!std::filesystem::is_regular_file(status) || (status.permissions() & perms::others_read) == perms::none)
    return {};
  return fmt::format("everyone on this machine may read the secret in {}; take that away: chmod o-r {}",
                     file.string(), file.string());
}

}  // namespace geminga::base
