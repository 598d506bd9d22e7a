#include "doors/http_bus/json_fields.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace geminga::doors {

using nlohmann::json;

JsonFields::JsonFields(const json& object, std::string where, std::initializer_list<std::string_view> known)
    : object_(object), where_(std::move(where)) {
  if (!object.is_object()) {
    fault("", "must be an object");
    return;
  }
  for (const auto& [name, value] : object.items())
    if (std::ranges::find(known, name) == known.end())
      fault(name, fmt::format("is not known here; known: {}", fmt::join(known, ", ")));
}

const json* JsonFields::find(std::string_view name) const {
  if (fault_) return nullptr;
  const auto found = object_.find(name);
  return found == object_.end() ? nullptr : &*found;
}

bool JsonFields::has(std::string_view name) const {
  return find(name) != nullptr;
}

std::string JsonFields::text(std::string_view name) {
  const json* value = find(name);
  if (value == nullptr) return {};
  if (value->is_string()) return value->get<std::string>();
  fault(name, "must be a string");
  return {};
}

std::string JsonFields::required_text(std::string_view name) {
  std::string value = text(name);
  if (value.empty()) fault(name, "is needed and must not be empty");
  return value;
}

std::uint64_t JsonFields::number(std::string_view name, std::uint64_t fallback, std::uint64_t max) {
  const json* value = find(name);
  if (value == nullptr) return fallback;
  if (value->is_number_unsigned() && value->get<std::uint64_t>() <= max) return value->get<std::uint64_t>();
  fault(name, fmt::format("must be a whole number from 0 to {}", max));
  return fallback;
}

bool JsonFields::flag(std::string_view name) {
  const json* value = find(name);
  if (value == nullptr) return false;
  if (value->is_boolean()) return value->get<bool>();
  fault(name, "must be true or false");
  return false;
}

std::optional<std::chrono::milliseconds> JsonFields::milliseconds(std::string_view name) {
  if (!has(name)) return std::nullopt;
  constexpr std::uint64_t kYear = 366ULL * 24 * 3600 * 1000;
  return std::chrono::milliseconds(number(name, 0, kYear));
}

const json* JsonFields::object(std::string_view name) {
  const json* value = find(name);
  if (value == nullptr || value->is_object()) return value;
  fault(name, "must be an object");
  return nullptr;
}

const json* JsonFields::array(std::string_view name) {
  const json* value = find(name);
  if (value == nullptr || value->is_array()) return value;
  fault(name, "must be an array");
  return nullptr;
}

void JsonFields::fault(std::string_view name, std::string_view what) {
  if (fault_) return;
  const std::string_view dot = where_.empty() || name.empty() ? "" : ".";
  fault_ = Error{ErrorCode::invalid_argument, fmt::format("'{}{}{}' {}", where_, dot, name, what)};
}

Result<> JsonFields::result() const {
  if (fault_) return std::unexpected(*fault_);
  return {};
}

}  // namespace geminga::doors
