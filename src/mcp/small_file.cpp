#include "mcp/small_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace geminga::mcp {
namespace {

Result<> write(const std::filesystem::path& file, std::string_view text) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool written = descriptor >= 0 &&
                       ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(descriptor) == 0;
  const std::string why = std::strerror(errno);
  if (descriptor >= 0) ::close(descriptor);
  if (!written) return fail(ErrorCode::io_error, fmt::format("cannot write {}: {}", file.native(), why));
  return {};
}

}  // namespace

Result<> replace_file(const std::filesystem::path& file, std::string_view text) {
  std::error_code error;
  if (std::filesystem::create_directory(file.parent_path(), error))
    std::filesystem::permissions(file.parent_path(), std::filesystem::perms::owner_all, error);
  auto fresh = file;
  fresh += ".tmp";
  if (auto written = write(fresh, text); !written) return written;
  std::filesystem::rename(fresh, file, error);
  if (error)
    return fail(ErrorCode::io_error, fmt::format("cannot write {}: {}", file.native(), error.message()));
  return {};
}

}  // namespace geminga::mcp
