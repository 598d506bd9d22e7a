#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mcp/tool.hpp"
#include "mcp/tool_pins.hpp"

namespace geminga::mcp {

/// What one server lists, beside what it listed before. Whoever let a server in has let in the tools that it
/// had then: what becomes of them later is shown; where the configuration names a hash, nothing else may be
/// called.
class PinnedTools {
 public:
  using WriteLater = std::function<void(std::function<void()>)>;

  /// `wanted_hash`: tools_hash of the configuration; empty: none. `write_later` runs what writes the file,
  /// one after the other.
  PinnedTools(const std::string& server, std::string wanted_hash, ToolPins pins, WriteLater write_later);

  struct Verdict {
    std::vector<Tool> usable{};          ///< may be listed and called
    std::vector<std::string> remarks{};  ///< for a person, once for each change
  };
  /// `tools` are what the server lists now, sorted by name.
  Verdict take(std::vector<Tool> tools);

  /// Of the newest list; empty before the first.
  [[nodiscard]] const std::string& hash() const { return hash_; }
  /// What of it is not as it was; nothing once a list with the wanted hash is there.
  [[nodiscard]] const std::vector<std::string>& changes() const { return changes_; }

 private:
  [[nodiscard]] bool accepted() const { return wanted_hash_.empty() || wanted_hash_ == hash_; }
  std::vector<std::string> note_change(const std::vector<Tool>& tools);

  const std::string server_;
  const std::string wanted_hash_;
  const ToolPins pins_;
  const WriteLater write_later_;
  std::optional<std::vector<Tool>> pinned_;
  std::string pinned_hash_;
  std::string hash_;
  std::vector<std::string> changes_;
};

}  // namespace geminga::mcp
