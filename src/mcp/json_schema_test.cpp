#include "mcp/json_schema.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace geminga::mcp {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string misfit(const char* schema, const char* value) {
  const auto parsed = JsonSchema::parse(schema);
  EXPECT_TRUE(parsed) << schema << ": " << parsed.error().message;
  if (!parsed) return "no schema";
  const auto checked = parsed->check(json::parse(value), "v");
  if (!checked) {
    EXPECT_EQ(checked.error().code, ErrorCode::schema_mismatch);
  }
  return checked ? "" : checked.error().message;
}

struct Row {
  const char* schema;
  std::vector<const char*> fit;
  std::vector<const char*> misfit;
};

TEST(JsonSchema, EveryKeywordTakesAndRefuses) {
  const Row rows[] = {
      {"true", {"1", "null"}, {}},
      {"false", {}, {"1"}},
      {R"({"type": "integer"})", {"1", "1.0", "-3"}, {"1.5", R"("1")", "null"}},
      {R"({"type": ["string", "null"]})", {R"("a")", "null"}, {"1", "{}"}},
      {R"({"const": {"a": 1}})", {R"({"a": 1.0})"}, {R"({"a": 2})"}},
      {R"({"enum": ["a", 2]})", {R"("a")", "2"}, {R"("b")"}},
      {R"({"minimum": 2, "exclusiveMaximum": 4})", {"2", "3.9", R"("x")"}, {"1", "4"}},
      {R"({"exclusiveMinimum": 2, "maximum": 4})", {"4"}, {"2", "4.1"}},
      {R"({"multipleOf": 0.1})", {"0.3", "7"}, {"0.35"}},
      {R"({"minLength": 2, "maxLength": 3})", {R"("äß")", R"("abc")"}, {R"("ä")", R"("abcd")"}},
      {R"({"maxLength": 1e300})", {R"("a")"}, {}},
      {R"({"pattern": "^[a-z\\u00e9]+$"})", {R"("caf\u00e9")", "7"}, {R"("A")"}},
      {R"({"items": {"type": "string"}, "minItems": 1, "maxItems": 2})",
       {R"(["a"])"},
       {"[]", "[1]", R"(["a","b","c"])"}},
      {R"({"prefixItems": [{"type": "string"}], "items": false})",
       {R"(["a"])", "[]"},
       {"[1]", R"(["a", 1])"}},
      {R"({"items": [{"type": "string"}], "additionalItems": {"type": "null"}})",
       {R"(["a", null])"},
       {R"(["a", 1])"}},
      {R"({"uniqueItems": true})", {R"([1, 2, "1"])"}, {"[1, 1.0]"}},
      {R"({"contains": {"const": 1}, "maxContains": 1})", {"[0, 1]"}, {"[0]", "[1, 1]"}},
      {R"({"properties": {"a": {"type": "string"}}, "required": ["a"]})",
       {R"({"a": "x", "b": 1})"},
       {"{}", R"({"a": 1})"}},
      {R"({"properties": {"a": true}, "patternProperties": {"^x-": {"type": "null"}}, "additionalProperties": false})",
       {R"({"a": 1, "x-b": null})"},
       {R"({"b": 1})", R"({"x-b": 1})"}},
      {R"({"propertyNames": {"maxLength": 1}, "minProperties": 1, "maxProperties": 2})",
       {R"({"a": 1})"},
       {"{}", R"({"ab": 1})", R"({"a":1,"b":1,"c":1})"}},
      {R"({"dependentRequired": {"a": ["b"]}})", {R"({"b": 1})", R"({"a": 1, "b": 1})"}, {R"({"a": 1})"}},
      {R"({"dependentSchemas": {"a": {"required": ["b"]}}})", {"{}"}, {R"({"a": 1})"}},
      {R"({"allOf": [{"minimum": 1}, {"maximum": 2}]})", {"1"}, {"0", "3"}},
      {R"({"anyOf": [{"type": "string"}, {"minimum": 1}]})", {R"("a")", "1"}, {"0"}},
      {R"({"oneOf": [{"multipleOf": 2}, {"multipleOf": 3}]})", {"2", "3"}, {"6", "5"}},
      {R"({"not": {"type": "null"}})", {"1"}, {"null"}},
      {R"({"if": {"minimum": 10}, "then": {"multipleOf": 10}, "else": {"type": "integer"}})",
       {"20", "3"},
       {"15", "3.5"}},
      {R"({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "string"}}})", {R"("x")"}, {"1"}},
      {R"({"$ref": "#name", "$defs": {"x": {"$anchor": "name", "type": "string"}}})", {R"("x")"}, {"1"}},
      {R"({"type": "object", "properties": {"next": {"$ref": "#"}}})",
       {R"({"next": {"next": {}}})"},
       {R"({"next": {"next": 1}})"}},
  };
  for (const Row& row : rows) {
    for (const char* value : row.fit)
      EXPECT_EQ(misfit(row.schema, value), "") << row.schema << " of " << value;
    for (const char* value : row.misfit)
      EXPECT_NE(misfit(row.schema, value), "") << row.schema << " of " << value;
  }
}

TEST(JsonSchema, AMisfitNamesThePlaceTheFindAndTheWish) {
  EXPECT_EQ(misfit(R"({"properties": {"list": {"items": {"properties": {"n": {"type": "string"}}}}}})",
                   R"({"list": [{"n": "a"}, {"n": 5}]})"),
            "v.list[1].n: found 5, expected a value of type string");
  EXPECT_EQ(misfit(R"({"required": ["a"]})", "{}"), "v.a: found nothing, expected a value");
  EXPECT_THAT(misfit(R"({"type": "object"})", ('"' + std::string(500, 'x') + '"').c_str()),
              HasSubstr("xxx..."));
}

TEST(JsonSchema, WhatCannotBeCheckedIsRefusedBeforehand) {
  for (const char* schema : {"7",
                             "[",
                             R"({"type": "text"})",
                             R"({"type": 3})",
                             R"({"required": "a"})",
                             R"({"properties": []})",
                             R"({"properties": {"a": 3}})",
                             R"({"minimum": "1"})",
                             R"({"minLength": -1})",
                             R"({"multipleOf": 0})",
                             R"({"pattern": "(?=look)ahead"})",
                             R"({"patternProperties": {"(": true}})",
                             R"({"$ref": "https://example.com/schema.json"})",
                             R"({"$ref": "#/$defs/none"})",
                             R"({"$ref": "#/%zz"})",
                             R"({"unevaluatedProperties": false})",
                             R"({"$dynamicRef": "#x"})",
                             R"({"items": 3})",
                             R"({"$schema": "http://json-schema.org/draft-04/schema#"})",
                             R"({"dependentRequired": {"a": 1}})",
                             R"({"$ref": "#/examples/0", "examples": [{"type": "nothing"}]})"}) {
    const auto parsed = JsonSchema::parse(schema);
    ASSERT_FALSE(parsed) << schema;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument) << schema;
  }
  for (const char* dialect :
       {"https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"})
    EXPECT_TRUE(JsonSchema::parse(json{{"$schema", dialect}}.dump())) << dialect;
}

TEST(JsonSchema, ASchemaWithoutEndDoesNotHoldUpTheCheck) {
  EXPECT_THAT(misfit(R"({"$ref": "#"})", "1"), HasSubstr("too costly"));
  EXPECT_THAT(misfit(R"({"not": {"$ref": "#"}})", "1"), HasSubstr("too costly"));
  // 2^n alternatives.
  json schema{{"$ref", "#/$defs/d0"}, {"$defs", {{"d30", {{"type", "null"}}}}}};
  for (int i = 0; i < 30; ++i) {
    const json next{{"$ref", "#/$defs/d" + std::to_string(i + 1)}};
    schema["$defs"]["d" + std::to_string(i)] = {{"oneOf", {next, next}}};
  }
  EXPECT_THAT(misfit(schema.dump().c_str(), "1"), HasSubstr("too costly"));
}

TEST(JsonSchema, LargeTextsAndListsCostMore) {
  const auto any_of = [](const json& one) {  // so often
    const std::vector<json> alternatives(200, json{{"$ref", "#/$defs/one"}});
    return json{{"anyOf", alternatives}, {"$defs", {{"one", one}}}}.dump();
  };
  const std::string text = json(std::string(2'000'000, 'x')).dump();
  EXPECT_THAT(misfit(any_of({{"pattern", "y"}}).c_str(), text.c_str()), HasSubstr("too costly"));
  EXPECT_THAT(misfit(any_of({{"enum", std::vector<int>(400'000, 1)}}).c_str(), "2"), HasSubstr("too costly"));
  EXPECT_THAT(misfit(json{{"enum", std::vector<int>(1'000, 1)}}.dump().c_str(), "2"),
              HasSubstr("one of 1000 values"));
}

}  // namespace
}  // namespace geminga::mcp
