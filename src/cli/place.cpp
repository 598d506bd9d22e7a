#include "cli/place.hpp"

#include "base/base64.hpp"

namespace geminga::cli {
namespace {

constexpr std::string_view kFile = "file://";
constexpr std::string_view kEmbedded = "embedded:";
constexpr std::size_t kKeyBytesMin = 32;

std::string key_in(const std::filesystem::path& folder, const std::string& value) {
  if (value.starts_with(kFile)) return std::string(kFile) + (folder / value.substr(kFile.size())).string();
  if (value.starts_with("data:")) return value;
  const auto file = folder / value;
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) return file.string();
  const auto bytes = base::from_base64(value);
  return bytes && bytes->size() >= kKeyBytesMin ? value : file.string();
}

std::string bus_in(const std::filesystem::path& folder, const std::string& value) {
  if (!value.starts_with(kEmbedded)) return value;
  std::string directory = value.substr(kEmbedded.size());
  if (directory.starts_with("//")) directory.erase(0, 2);
  return directory.empty() ? value : std::string(kEmbedded) + (folder / directory).string();
}

}  // namespace

std::string placed_in(const std::filesystem::path& folder, Place place, const std::string& value) {
  if (value.empty()) return value;
  switch (place) {
    case Place::path:
      return (folder / value).string();
    case Place::key:
      return key_in(folder, value);
    case Place::bus:
      return bus_in(folder, value);
    case Place::none:
      break;
  }
  return value;
}

}  // namespace geminga::cli
