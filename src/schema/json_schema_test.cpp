#include "schema/json_schema.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace geminga::schema {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Row {
  const char* schema;
  const char* fits;
  const char* refused;
  const char* why;  ///< "path: why"
};

constexpr Row kRows[] = {
    {R"({"type":"integer"})", "3", "3.5", ": found the number 3.5, expected a value of type integer"},
    {R"({"type":"integer"})", "3.0", "\"3\"", ": found the text \"3\", expected a value of type integer"},
    {R"({"type":["string","null"]})", "null", "1",
     ": found the number 1, expected a value of type string or null"},
    {R"({"type":"object"})", "{}", "[1]", ": found a list of 1, expected a value of type object"},
    {R"({"enum":["km","mi"]})", "\"km\"", "\"ly\"",
     ": found the text \"ly\", expected one of \"km\", \"mi\""},
    {R"({"const":4})", "4", "5", ": found the number 5, expected 4"},
    {R"({"minimum":1})", "1", "0", ": found the number 0, expected at least 1"},
    {R"({"maximum":9.5})", "9.5", "10", ": found the number 10, expected at most 9.5"},
    {R"({"exclusiveMinimum":0})", "0.1", "0", ": found the number 0, expected more than 0"},
    {R"({"exclusiveMaximum":5})", "4", "5", ": found the number 5, expected less than 5"},
    {R"({"multipleOf":0.1})", "0.3", "0.35", ": found the number 0.35, expected a multiple of 0.1"},
    {R"({"minLength":2})", "\"üß\"", "\"ü\"", ": found the text \"ü\", expected at least 2 characters"},
    {R"({"maxLength":2})", "\"üß\"", "\"abc\"", ": found the text \"abc\", expected at most 2 characters"},
    {R"({"pattern":"^a+$"})", "\"aa\"", "\"ab\"",
     ": found the text \"ab\", expected a text that matches \"^a+$\""},
    {R"({"format":"date"})", "\"2024-02-29\"", "\"2023-02-29\"",
     ": found the text \"2023-02-29\", expected a date like 2026-11-21"},
    {R"({"format":"time"})", "\"20:15:00+01:00\"", "\"25:00\"",
     ": found the text \"25:00\", expected a time like 20:15:00"},
    {R"({"format":"date-time"})", "\"2024-01-02T03:04:05.6Z\"", "\"2024-01-02\"",
     ": found the text \"2024-01-02\", expected a time like 2026-11-21T20:15:03Z"},
    {R"({"format":"email"})", "\"a@b.c\"", "\"a b@c\"",
     ": found the text \"a b@c\", expected an address like name@example.com"},
    {R"({"format":"uri"})", "\"https://x/y\"", "\"x/y\"",
     ": found the text \"x/y\", expected a URI like https://example.com/page"},
    {R"({"format":"uuid"})", "\"7d444840-9dc0-11d1-b245-5ffdce74fad2\"", "\"7d44\"",
     ": found the text \"7d44\", expected a UUID"},
    {R"({"format":"ipv4"})", "\"127.0.0.1\"", "\"127.0.0.256\"",
     ": found the text \"127.0.0.256\", expected an address like 192.0.2.1"},
    {R"({"minItems":1})", "[1]", "[]", ": found a list of 0, expected at least 1 elements"},
    {R"({"maxItems":1})", "[1]", "[1,2]", ": found a list of 2, expected at most 1 elements"},
    {R"({"uniqueItems":true})", "[1,2]", "[1,1]", ": found a list of 2, expected no element twice"},
    {R"({"items":{"type":"string"}})", "[\"a\"]", "[\"a\",2]",
     "[1]: found the number 2, expected a value of type string"},
    {R"({"prefixItems":[{"type":"string"}],"items":{"type":"number"}})", "[\"a\",2]", "[\"a\",\"b\"]",
     "[1]: found the text \"b\", expected a value of type number"},
    {R"({"properties":{"a":{"properties":{"b":{"type":"number"}}}}})", R"({"a":{"b":1}})",
     R"({"a":{"b":"x"}})", "a.b: found the text \"x\", expected a value of type number"},
    {R"({"properties":{"a":{"required":["b"]}}})", R"({"a":{"b":1}})", R"({"a":{}})", "a.b: it is required"},
    {R"({"properties":{"a":{}},"additionalProperties":false})", R"({"a":1})", R"({"b":1})",
     "b: the tool knows no such argument"},
    {R"({"additionalProperties":{"type":"number"}})", R"({"a":1})", R"({"a":"x"})",
     "a: found the text \"x\", expected a value of type number"},
    {R"({"patternProperties":{"^x":{"type":"number"}},"additionalProperties":false})", R"({"x1":1})",
     R"({"y":1})", "y: the tool knows no such argument"},
    {R"({"maxProperties":1})", R"({"a":1})", R"({"a":1,"b":2})",
     ": found an object, expected at most 1 members"},
    {R"({"allOf":[{"minimum":1},{"maximum":3}]})", "2", "4", ": found the number 4, expected at most 3"},
    {R"({"anyOf":[{"type":"string"},{"type":"number"}]})", "2", "true",
     ": found true, expected what one of 2 schemas describes"},
    {R"({"oneOf":[{"minimum":1},{"minimum":5}]})", "2", "6",
     ": found the number 6, expected what exactly one of 2 schemas describes"},
    {R"({"not":{"type":"string"}})", "2", "\"x\"", ": found the text \"x\", expected anything but that"},
    {R"({"if":{"type":"string"},"then":{"minLength":2},"else":{"minimum":2}})", "2", "1",
     ": found the number 1, expected at least 2"},
    {R"({"$defs":{"n":{"type":"number"}},"properties":{"a":{"$ref":"#/$defs/n"}}})", R"({"a":1})",
     R"({"a":"x"})", "a: found the text \"x\", expected a value of type number"},
    {R"({"properties":{"a":false}})", R"({"b":1})", R"({"a":1})",
     "a: found the number 1, expected nothing at all"},
};

TEST(JsonSchema, EveryKeywordTakesAndRefuses) {
  for (const Row& row : kRows) {
    const json schema = json::parse(row.schema);
    EXPECT_THAT(misfits(schema, json::parse(row.fits)), IsEmpty()) << row.schema << " " << row.fits;
    const auto found = misfits(schema, json::parse(row.refused));
    ASSERT_THAT(found, SizeIs(1)) << row.schema << " " << row.refused;
    EXPECT_EQ(found[0].path + ": " + found[0].why, row.why) << row.schema;
    EXPECT_EQ(found[0].missing, std::string(row.why).ends_with("required"));
  }
}

TEST(JsonSchema, WhatCannotBeReadRefusesNothing) {
  for (const char* schema : {"null",
                             "3",
                             "[]",
                             "true",
                             "{}",
                             R"({"type":3})",
                             R"({"type":"colour"})",
                             R"({"enum":"a"})",
                             R"({"minimum":"a"})",
                             R"j({"pattern":"(?=x)"})j",
                             R"({"pattern":3})",
                             R"({"format":"colour"})",
                             R"({"required":"a"})",
                             R"({"properties":[]})",
                             R"({"anyOf":{}})",
                             R"({"$ref":"https://example.com/x"})",
                             R"({"$ref":"#/nowhere"})",
                             R"({"$ref":"#nowhere"})",
                             R"({"$ref":1})",
                             R"({"items":3})"})
    for (const char* value : {"3", "\"x\"", "[1]", R"({"a":1})", "null"})
      EXPECT_THAT(misfits(json::parse(schema), json::parse(value)), IsEmpty()) << schema << " " << value;
}

TEST(JsonSchema, ManyMisfitsAreAllNamed) {
  const json schema =
      json::parse(R"({"required":["a","b"],"properties":{"c":{"type":"number"},"d":{"maximum":1}}})");
  const auto found = misfits(schema, json::parse(R"({"c":"x","d":2})"));
  ASSERT_THAT(found, SizeIs(4));
  EXPECT_EQ(found[0].path, "a");
  EXPECT_EQ(found[3].path, "d");
}

TEST(JsonSchema, SchemasWithoutEndAreBounded) {
  EXPECT_THAT(misfits(json::parse(R"({"$ref":"#"})"), 3), IsEmpty());
  const json bomb = json::parse(
      R"({"anyOf":[{"$ref":"#"},{"$ref":"#"},{"$ref":"#"}],"allOf":[{"$ref":"#"},{"$ref":"#"}]})");
  EXPECT_LE(misfits(bomb, 3).size(), 20U);
  const json tree =
      json::parse(R"({"type":"object","properties":{"next":{"$ref":"#"},"value":{"type":"number"}}})");
  const auto found = misfits(tree, json::parse(R"({"next":{"next":{"value":"x"}}})"));
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].path, "next.next.value");
}

}  // namespace
}  // namespace geminga::schema
