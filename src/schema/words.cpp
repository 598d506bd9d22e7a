#include "schema/words.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace geminga::schema {
namespace {

using nlohmann::json;

constexpr std::size_t kShownMax = 60;
constexpr std::size_t kShownListMax = 10;

std::string written(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string shown(const json& value) {
  // Of a text of megabytes no more is written than is shown.
  std::string text =
      written(value.is_string() ? json(value.get_ref<const std::string&>().substr(0, kShownMax + 4)) : value);
  if (text.size() <= kShownMax) return text;
  std::size_t end = kShownMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

std::string found(const json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return fmt::format("a list of {}", value.size());
  if (value.is_string()) return "the text " + shown(value);
  if (value.is_number()) return "the number " + shown(value);
  return shown(value);
}

std::string shown_list(const json& values) {
  std::string text;
  for (std::size_t i = 0; i < std::min(values.size(), kShownListMax); ++i)
    text += (i == 0 ? "" : ", ") + shown(values[i]);
  return values.size() > kShownListMax ? text + ", ..." : text;
}

}  // namespace geminga::schema
