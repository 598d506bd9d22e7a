#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace geminga::orchestrator {

/// The body of an answer. What is no UTF-8 becomes U+FFFD.
inline std::string text_of(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace geminga::orchestrator
