#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cli/place.hpp"
#include "cli/serve_settings.hpp"

namespace geminga::cli {

/// One setting of `serve` under its three names.
struct Setting {
  std::string_view key;          ///< in geminga.toml
  std::string_view flag;         ///< without the dashes
  std::string_view environment;  ///< empty: none
  Value value = Value::text;     ///< none: true or false
  char letter = 0;
  std::string_view metavar = {};
  std::string_view help = {};
  Result<> (*apply)(ServeSettings& settings, std::string_view text) = nullptr;
  std::string_view choices = {};  ///< "text,json"
  Place place = Place::none;
};

extern const std::span<const Setting> kSettings;

}  // namespace geminga::cli
