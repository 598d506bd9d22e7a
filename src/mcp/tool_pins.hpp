#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <geminga/error.hpp>

#include "mcp/tool.hpp"

namespace geminga::mcp {

/// "sha256:" and the digest in base64url, over everything that a server says of its tools. The order of the
/// list does not matter, nor how its JSON is written.
std::string hash_of(const std::vector<Tool>& tools);

/// What has become of `before`, a line each: "added 'x'", "removed 'y'", "changed 'z': description,
/// inputSchema". Both are sorted by name.
std::vector<std::string> differences(const std::vector<Tool>& before, const std::vector<Tool>& now);

/// The tools of one server as they were when somebody last had reason to trust them, in a file of mode 0600,
/// replaced whole. An empty path keeps nothing.
class ToolPins {
 public:
  explicit ToolPins(std::filesystem::path file) : file_(std::move(file)) {}

  /// Sorted by name; nothing where there is no file that can be read.
  [[nodiscard]] std::optional<std::vector<Tool>> load(const std::string& server) const;
  /// `hash` is theirs. Blocks. Errors: those of base::FileSystem.
  [[nodiscard]] Result<> save(const std::vector<Tool>& tools, const std::string& hash) const;
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  std::filesystem::path file_;
};

}  // namespace geminga::mcp
