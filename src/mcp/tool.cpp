#include "mcp/tool.hpp"

#include <algorithm>
#include <utility>

namespace geminga::mcp {

const Tool* Catalogue::find(std::string_view server, std::string_view name) const {
  const std::pair wanted(server, name);
  const auto key = [](const Tool& tool) {
    return std::pair<std::string_view, std::string_view>(tool.server, tool.name);
  };
  const auto found = std::ranges::lower_bound(tools, wanted, {}, key);
  return found != tools.end() && key(*found) == wanted ? &*found : nullptr;
}

}  // namespace geminga::mcp
