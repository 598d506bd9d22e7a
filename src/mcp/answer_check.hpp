#pragma once

#include <map>
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "mcp/call.hpp"
#include "mcp/tool.hpp"

namespace geminga::mcp {

/// Holds structured answers against what their tools promise (`outputSchema`). The schemas of one server's
/// tools, each read when it is first needed.
class AnswerCheck {
 public:
  /// The tools have changed.
  void clear() { schemas_.clear(); }

  /// What does not fit and where: "structuredContent.n: found ..., expected ..."; empty where nothing is
  /// wrong, or the tool promises nothing, or it failed and said why in its own way.
  [[nodiscard]] std::string complaint(const Tool& tool, const CallAnswer& answer);

 private:
  std::map<std::string, std::shared_ptr<const nlohmann::json>> schemas_;  // by tool
};

}  // namespace geminga::mcp
