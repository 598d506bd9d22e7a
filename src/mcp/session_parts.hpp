#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "wire/mcp/json_rpc.hpp"

/// What the source files of Session share.
namespace geminga::mcp {

inline constexpr std::string_view kClientName = "geminga";
inline constexpr std::string_view kClientVersion = GEMINGA_VERSION;
inline constexpr std::string_view kInitialize = "initialize";
inline constexpr std::string_view kElicitation = "elicitation/create";

/// Never a null pointer.
inline const nlohmann::json& body_of(const wire::mcp::JsonPtr& body) {
  static const nlohmann::json kNothing = nullptr;
  return body == nullptr ? kNothing : *body;
}

}  // namespace geminga::mcp
