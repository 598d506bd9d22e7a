#pragma once

#include <map>
#include <string>

#include <nlohmann/json.hpp>
#include <re2/re2.h>

#include "mcp/json_schema.hpp"

namespace geminga::mcp {

/// The parsed text, and what is looked up again and again while a value is checked.
struct JsonSchema::Document {
  nlohmann::json root;
  std::map<std::string, std::unique_ptr<re2::RE2>, std::less<>> patterns{};
  std::map<std::string, const nlohmann::json*, std::less<>> references{};  ///< by the text of $ref, into root
};

}  // namespace geminga::mcp
