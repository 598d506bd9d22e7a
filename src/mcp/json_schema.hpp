#pragma once

#include <memory>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <geminga/error.hpp>

namespace geminga::mcp {

/// A JSON Schema that values are checked against: dialect 2020-12, and what 2019-09, draft-07 and draft-06
/// have in common with it. References stay within the document; nothing is ever fetched. `format` and
/// keywords that nobody knows say nothing. Immutable; any thread.
class JsonSchema {
 public:
  /// Errors: invalid_argument, with the place in the schema: not a schema, or one that cannot be checked here
  /// (another dialect, a reference to another document, $dynamicRef, unevaluatedProperties,
  /// unevaluatedItems, a pattern with look-around or back references).
  static Result<JsonSchema> parse(std::string_view text);

  /// Errors: schema_mismatch, with the path of the first misfit below `name`, what was found and what is
  /// wanted; also where the schema makes the check cost too much (references in a circle, alternatives of
  /// alternatives).
  [[nodiscard]] Result<> check(const nlohmann::json& value, std::string_view name) const;

 private:
  friend class JsonSchemaReader;
  struct Document;
  class Checker;
  explicit JsonSchema(std::shared_ptr<const Document> document) : document_(std::move(document)) {}
  std::shared_ptr<const Document> document_;
};

}  // namespace geminga::mcp
