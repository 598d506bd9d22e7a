#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace geminga::cli {

/// Whether a value of geminga.toml says where something is.
enum class Place : std::uint8_t {
  none,
  path,
  key,  ///< see auth::read_key: it may also be the key itself
  bus,  ///< embedded:DIRECTORY; other buses are URLs
};

/// The value as it counts from anywhere: every relative path in geminga.toml is relative to the file's
/// folder, wherever the program was started.
std::string placed_in(const std::filesystem::path& folder, Place place, const std::string& value);

}  // namespace geminga::cli
