#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace geminga::mcp {

/// What the server says about a tool's effects; nothing where it says nothing.
struct ToolAnnotations {
  std::optional<bool> read_only{};
  std::optional<bool> destructive{};
  std::optional<bool> idempotent{};
  std::optional<bool> open_world{};
  bool operator==(const ToolAnnotations&) const = default;

  /// A second execution does no harm by the server's own word.
  [[nodiscard]] bool repeatable() const { return read_only.value_or(false) || idempotent.value_or(false); }
  /// The server says in so many words that it destroys.
  [[nodiscard]] bool declared_destructive() const {
    return destructive.value_or(false) && !read_only.value_or(false);
  }
};

struct Tool {
  std::string server{};
  std::string name{};
  std::string title{};  ///< may be empty
  std::string description{};
  std::string input_schema{};  ///< JSON text of an object; references stay as they came and are never fetched
  std::string output_schema{};  ///< JSON text, empty where there is none
  ToolAnnotations annotations{};
  bool operator==(const Tool&) const = default;
};

/// All tools of all servers at one moment; never changes. Names are only unique within a server.
struct Catalogue {
  std::uint64_t generation = 0;  ///< grows with every change
  std::vector<Tool> tools{};     ///< sorted by (server, name)

  /// nullptr when there is none; lives as long as the catalogue.
  [[nodiscard]] const Tool* find(std::string_view server, std::string_view name) const;
};
using CataloguePtr = std::shared_ptr<const Catalogue>;

}  // namespace geminga::mcp
