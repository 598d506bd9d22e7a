#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

namespace geminga::orchestrator {

/// nullptr where there is none, or no object: schemas of any shape may come in.
inline const nlohmann::json* member(const nlohmann::json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

}  // namespace geminga::orchestrator
