#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace geminga::schema {

/// A place where a value does not fit.
struct Misfit {
  std::string path{};    ///< "location.address", "list[2]"; empty: the whole value
  std::string why{};     ///< "found the number 12, expected at most 10"
  bool missing = false;  ///< nothing stands there, and something must
  bool operator==(const Misfit&) const = default;
};

/// Every place where `value` does not fit a JSON Schema that somebody else wrote; empty: it fits. Pure; any
/// thread.
///
/// Read are: type, enum, const, the bounds of numbers, of lengths and of counts, multipleOf, pattern,
/// format (see formats.hpp), required, properties, patternProperties, additionalProperties, items,
/// prefixItems, uniqueItems, allOf, anyOf, oneOf, not, if/then/else, and $ref within the document. Other
/// keywords, a keyword of the wrong shape, a reference that leads nowhere and a pattern that RE2 cannot
/// compile refuse nothing: the tool has the last word. The work is bounded; what is nested too deep or
/// branches too much counts as fitting beyond the bound.
std::vector<Misfit> misfits(const nlohmann::json& schema, const nlohmann::json& value);

}  // namespace geminga::schema
