#include "base/file_system.hpp"

#include "base/try.hpp"

namespace geminga::base {

Result<std::string> read_file(FileSystem& files, const std::filesystem::path& path) {
  GEMINGA_TRY(const auto file, files.open(path, {.mode = OpenMode::read}));
  GEMINGA_TRY(const std::uint64_t size, file->size());
  std::string content(size, '\0');
  GEMINGA_TRY(const std::size_t got, file->read_at(0, std::as_writable_bytes(std::span(content))));
  content.resize(got);
  return content;
}

Result<> replace_file(FileSystem& files, const std::filesystem::path& path, std::string_view content,
                      bool sync_directory) {
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  {
    GEMINGA_TRY(const auto file, files.open(temporary, {.mode = OpenMode::create_or_trim}));
    GEMINGA_TRY_VOID(file->write_at(0, std::as_bytes(std::span(content))));
    GEMINGA_TRY_VOID(file->sync_data());
  }
  GEMINGA_TRY_VOID(files.rename(temporary, path));
  if (!sync_directory) return {};
  return files.sync_directory(path.parent_path());
}

}  // namespace geminga::base
