#pragma once

#include <cstdint>
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

/// What `format` is: by the dialect a note, unless both sides agree that it counts.
enum class Formats : std::uint8_t { count, are_notes };

/// Every place where `value` does not fit a JSON Schema that somebody else wrote; empty: it fits. Pure; any
/// thread.
///
/// Read are: type, enum, const, the bounds of numbers, of lengths and of counts, multipleOf, pattern,
/// format (see formats.hpp), required, properties, patternProperties, additionalProperties, propertyNames,
/// dependentRequired, dependentSchemas, dependencies, items (a schema or, with additionalItems, a list of
/// them), prefixItems, contains with minContains and maxContains, uniqueItems, allOf, anyOf, oneOf, not,
/// if/then/else, and $ref to a place or an $anchor of the same document: dialect 2020-12, and those down to
/// draft-06 as far as they mean the same. Other keywords, a keyword of the wrong shape, a reference that
/// leads nowhere and a pattern that RE2 cannot compile refuse nothing, behind a `not` or `oneOf` neither:
/// whoever wrote the schema has the last word. The work is bounded by the size of the value; what is nested
/// too deep or branches too much counts as fitting beyond the bound, and of many misfits the first 20 are
/// named.
std::vector<Misfit> misfits(const nlohmann::json& schema, const nlohmann::json& value,
                            Formats formats = Formats::count);

}  // namespace geminga::schema
