#include "schema/json_schema.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace geminga::schema {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
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
    {R"({"properties":{"a":{"required":["b"]}}})", R"({"a":{"b":1}})", R"({"a":{}})",
     "a.b: found nothing, expected a value"},
    {R"({"properties":{"a":{}},"additionalProperties":false})", R"({"a":1})", R"({"b":1})",
     "b: found the number 1, expected nothing of that name"},
    {R"({"additionalProperties":{"type":"number"}})", R"({"a":1})", R"({"a":"x"})",
     "a: found the text \"x\", expected a value of type number"},
    {R"({"patternProperties":{"^x":{"type":"number"}},"additionalProperties":false})", R"({"x1":1})",
     R"({"y":1})", "y: found the number 1, expected nothing of that name"},
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
    {R"({"const":{"a":1}})", R"({"a":1.0})", R"({"a":2})", R"(: found an object, expected {"a":1})"},
    {R"({"enum":["a",2]})", "2.0", "3", ": found the number 3, expected one of \"a\", 2"},
    {R"({"minimum":-1})", "18446744073709551615", "-2", ": found the number -2, expected at least -1"},
    {R"({"multipleOf":10})", "1764000000000", "1764000000005",
     ": found the number 1764000000005, expected a multiple of 10"},
    {R"({"pattern":"^[a-z\\u00e9]+$"})", R"("caf\u00e9")", "\"A\"",
     R"(: found the text "A", expected a text that matches "^[a-z\\u00e9]+$")"},
    {R"({"uniqueItems":true})", R"([1,2,"1"])", "[1,2,1.0]",
     ": found a list of 3, expected no element twice"},
    {R"({"prefixItems":[{"type":"string"}],"items":false})", R"(["a"])", R"(["a",1])",
     "[1]: found the number 1, expected nothing at all"},
    {R"({"items":[{"type":"string"}],"additionalItems":{"type":"null"}})", R"(["a",null])", R"(["a",1])",
     "[1]: found the number 1, expected a value of type null"},
    {R"({"contains":{"const":1}})", "[0,1,1]", "[0]",
     ": found a list of 1, expected at least 1 elements that fit 'contains'"},
    {R"({"contains":{"const":1},"minContains":0,"maxContains":1})", "[0]", "[1,1]",
     ": found a list of 2, expected at most 1 elements that fit 'contains'"},
    {R"({"minProperties":1})", R"({"a":1})", "{}", ": found an object, expected at least 1 members"},
    {R"({"propertyNames":{"maxLength":1}})", R"({"a":1})", R"({"ab":1})",
     "ab: found the text \"ab\", expected at most 1 characters"},
    {R"({"dependentRequired":{"a":["b"]}})", R"({"c":1})", R"({"a":1})",
     "b: found nothing, expected a value"},
    {R"({"dependentSchemas":{"a":{"properties":{"b":{"type":"null"}}}}})", R"({"b":1})", R"({"a":1,"b":1})",
     "b: found the number 1, expected a value of type null"},
    {R"({"dependencies":{"a":["b"],"c":{"maxProperties":1}}})", R"({"a":1,"b":1})", R"({"c":1,"d":1})",
     ": found an object, expected at most 1 members"},
    {R"({"$ref":"#/$defs/a~1b%20c","$defs":{"a/b c":{"type":"string"}}})", "\"x\"", "1",
     ": found the number 1, expected a value of type string"},
    {R"({"$id":"https://example.com/s","$ref":"https://example.com/s#n","$defs":{"x":{"$anchor":"n","type":"null"}}})",
     "null", "1", ": found the number 1, expected a value of type null"},
    {"false", nullptr, "1", ": found the number 1, expected nothing at all"},
};

TEST(JsonSchema, EveryKeywordTakesAndRefuses) {
  for (const Row& row : kRows) {
    const json schema = json::parse(row.schema);
    if (row.fits != nullptr) {
      EXPECT_THAT(misfits(schema, json::parse(row.fits)), IsEmpty()) << row.schema << " " << row.fits;
    }
    const auto found = misfits(schema, json::parse(row.refused));
    ASSERT_THAT(found, SizeIs(1)) << row.schema << " " << row.refused;
    EXPECT_EQ(found[0].path + ": " + found[0].why, row.why) << row.schema;
    EXPECT_EQ(found[0].missing, std::string(row.why).ends_with("expected a value"));
  }
}

TEST(JsonSchema, AFormatCountsOrIsANote) {
  const auto schema = json::parse(R"({"properties":{"day":{"format":"date","maxLength":12}}})");
  const auto value = json::parse(R"({"day":"tomorrow"})");
  EXPECT_THAT(misfits(schema, value), SizeIs(1));
  EXPECT_THAT(misfits(schema, value, Formats::are_notes), SizeIs(0));
  EXPECT_THAT(misfits(schema, json::parse(R"({"day":"the day after tomorrow"})"), Formats::are_notes),
              SizeIs(1));
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
                             R"({"$ref":"#/%zz"})",
                             R"({"$ref":"#%2"})",
                             R"({"minLength":"1"})",
                             R"({"multipleOf":0})",
                             R"({"multipleOf":-1})",
                             R"({"exclusiveMinimum":true})",
                             R"({"uniqueItems":1})",
                             R"({"prefixItems":{}})",
                             R"({"oneOf":[]})",
                             R"({"contains":3})",
                             R"({"dependentRequired":{"a":1}})",
                             R"({"propertyNames":[]})",
                             R"({"unevaluatedProperties":false,"unevaluatedItems":false})",
                             R"({"$dynamicRef":"#x"})",
                             R"j({"patternProperties":{"(":false},"additionalProperties":false})j",
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

// A schema that refuses what another does not must not refuse what that one could not read.
TEST(JsonSchema, WhatCannotBeReadRefusesNothingByWayOfAnotherSchema) {
  const json value = json::parse(R"({"a":["x"]})");
  for (const char* unread : {R"({"type":"colour"})", R"({"minProperties":"1"})", R"({"$ref":"#/nowhere"})",
                             R"j({"properties":{"a":{"items":{"pattern":"(?=x)"}}}})j",
                             R"({"unevaluatedProperties":false})", R"({"$dynamicRef":"#x"})", "3"}) {
    const json schema = json::parse(unread);
    const json never = false;
    EXPECT_THAT(misfits({{"not", schema}}, value), IsEmpty()) << unread;
    EXPECT_THAT(misfits({{"not", {{"not", schema}}}}, value), IsEmpty()) << unread;
    EXPECT_THAT(misfits({{"oneOf", {true, schema}}}, value), IsEmpty()) << unread;
    EXPECT_THAT(misfits({{"oneOf", {never, schema}}}, value), IsEmpty()) << unread;
    EXPECT_THAT(misfits({{"anyOf", {never, schema}}}, value), IsEmpty()) << unread;
    EXPECT_THAT(misfits({{"if", schema}, {"then", never}, {"else", never}}, value), IsEmpty()) << unread;
    EXPECT_THAT(misfits({{"contains", schema}, {"maxContains", 0}}, json::array({value})), IsEmpty())
        << unread;
    EXPECT_THAT(misfits({{"contains", schema}, {"minContains", 2}}, json::array({value})), SizeIs(1))
        << unread;
  }
}

TEST(JsonSchema, LongTextsAndListsAreCut) {
  const auto text = misfits({{"type", "object"}}, std::string(500, 'x'));
  ASSERT_THAT(text, SizeIs(1));
  EXPECT_THAT(text[0].why, HasSubstr("xxx..., expected"));
  const auto list = misfits({{"enum", std::vector<int>(1'000, 1)}}, 2);
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list[0].why, "found the number 2, expected one of 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ...");
  EXPECT_THAT(misfits({{"items", {{"type", "null"}}}}, std::vector<int>(1'000, 1)), SizeIs(20));
}

TEST(JsonSchema, SchemasWithoutEndAreBounded) {
  EXPECT_THAT(misfits(json::parse(R"({"$ref":"#"})"), 3), IsEmpty());
  EXPECT_THAT(misfits(json::parse(R"({"not":{"$ref":"#"}})"), 3), IsEmpty());
  const json bomb = json::parse(
      R"({"anyOf":[{"$ref":"#"},{"$ref":"#"},{"$ref":"#"}],"allOf":[{"$ref":"#"},{"$ref":"#"}]})");
  EXPECT_LE(misfits(bomb, 3).size(), 20U);
  const json tree =
      json::parse(R"({"type":"object","properties":{"next":{"$ref":"#"},"value":{"type":"number"}}})");
  const auto found = misfits(tree, json::parse(R"({"next":{"next":{"value":"x"}}})"));
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].path, "next.next.value");
}

TEST(JsonSchema, AlternativesOfAlternativesAreBounded) {  // 2^40 of them
  json schema{{"$ref", "#/$defs/d0"}, {"$defs", {{"d40", {{"type", "null"}}}}}};
  for (int i = 0; i < 40; ++i) {
    const json next{{"$ref", "#/$defs/d" + std::to_string(i + 1)}};
    schema["$defs"]["d" + std::to_string(i)] = {{"oneOf", {next, next}}};
  }
  EXPECT_THAT(misfits(schema, 1), IsEmpty());
}

TEST(JsonSchema, DeepValuesAreCheckedToTheirEnd) {
  const json tree = json::parse(R"({"properties":{"next":{"$ref":"#"},"value":{"type":"number"}}})");
  json value{{"value", "x"}};
  for (int i = 0; i < 200; ++i) value = json{{"next", std::move(value)}};
  EXPECT_THAT(misfits(tree, value), SizeIs(1));
}

TEST(JsonSchema, LargeAnswersAreCheckedToTheirEnd) {
  json value = json::array();
  for (int i = 0; i < 20'000; ++i) value.push_back({{"id", i}, {"name", "n"}, {"tags", {"a", "b"}}});
  value.push_back({{"id", "x"}});
  const json schema = json::parse(R"({"items":{"properties":{"id":{"type":"integer"},"name":{"pattern":"^n$"},
                                      "tags":{"items":{"anyOf":[{"type":"null"},{"type":"string"}]}}}}})");
  const auto found = misfits(schema, value);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].path, "[20000].id");
}

// Each alternative refuses; that all of them do is never found out.
TEST(JsonSchema, LargeTextsAndListsCostMore) {
  const auto so_often = [](const json& one) {
    const std::vector<json> alternatives(200, json{{"$ref", "#/$defs/one"}});
    return json{{"anyOf", alternatives}, {"$defs", {{"one", one}}}};
  };
  EXPECT_THAT(misfits(so_often({{"pattern", "y"}}), std::string(2'000'000, 'x')), IsEmpty());
  EXPECT_THAT(misfits(so_often({{"enum", std::vector<int>(400'000, 1)}}), 2), IsEmpty());
  EXPECT_THAT(misfits(so_often({{"uniqueItems", true}}), std::vector<int>(20'000, 1)), IsEmpty());
  json patterns = json::object();
  for (int i = 0; i < 2'000; ++i) patterns["^" + std::to_string(i) + "[a-z]{1,500}$"] = true;
  json members = json::object();
  for (int i = 0; i < 2'000; ++i) members["m" + std::to_string(i)] = i;
  EXPECT_THAT(misfits({{"patternProperties", patterns}, {"additionalProperties", false}}, members),
              IsEmpty());
}

}  // namespace
}  // namespace geminga::schema
