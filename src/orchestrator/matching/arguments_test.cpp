#include "orchestrator/matching/arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const json kSchema = json::parse(R"({"type":"object","required":["place","count"],
  "properties":{"place":{"type":"object","required":["address"],"properties":{"address":{"type":"string"}}},
                "count":{"type":"integer"},"ratio":{"type":"number"},"exact":{"type":"boolean"},
                "either":{"type":["string","number"]},"maybe":{"type":["number","null"]},
                "list":{"type":"array","items":{"type":"number"}}}})");

TEST(Arguments, MissingOnesAreNamed) {
  EXPECT_THAT(missing_arguments(kSchema, json::object()), ElementsAre("place", "count"));
  EXPECT_THAT(missing_arguments(kSchema, json::parse(R"({"count":1})")), ElementsAre("place"));
  EXPECT_THAT(missing_arguments(kSchema, json::parse(R"({"count":1,"place":{}})")),
              ElementsAre("place.address"));
  EXPECT_THAT(missing_arguments(kSchema, json::parse(R"({"count":1,"place":{"address":"x"}})")), IsEmpty());
}

TEST(Arguments, ASchemaOfAnyShapeAsksForNothing) {
  for (const char* text :
       {"null", "{}", "[]", "3", R"({"required":"a"})", R"({"required":[1,null]})", R"({"properties":[]})"})
    EXPECT_THAT(missing_arguments(json::parse(text), json::object()), IsEmpty()) << text;
}

TEST(Arguments, TextBecomesWhatTheSchemaWants) {
  json params = json::parse(
      R"({"count":"12","ratio":"2.50","exact":"yes","either":"7","maybe":"8","list":["1","x","2.5"],
                                "place":{"address":"12"},"unknown":"3"})");
  fit_types(kSchema, params);
  EXPECT_EQ(params,
            json::parse(R"({"count":12,"ratio":2.5,"exact":true,"either":"7","maybe":8,"list":[1,"x",2.5],
                                    "place":{"address":"12"},"unknown":"3"})"));
}

TEST(Arguments, TextThatIsNoneStays) {
  json params = json::parse(R"({"count":"twelve","ratio":"1e999","exact":"perhaps"})");
  const json before = params;
  fit_types(kSchema, params);
  EXPECT_EQ(params, before);
  json fraction = json::parse(R"({"count":"1.5"})");
  fit_types(kSchema, fraction);
  EXPECT_EQ(fraction["count"], "1.5");
}

TEST(Arguments, WhatIsRefusedHasAName) {
  const json schema = json::parse(R"({"minProperties":1,"properties":{"a":{"maximum":3}}})");
  EXPECT_EQ(refused_arguments(schema, json::parse(R"({"a":4})")).at(0).name, "a");
  const auto whole = refused_arguments(schema, json::object());
  ASSERT_EQ(whole.size(), 1U);
  EXPECT_EQ(whole[0].name, kAllArguments);
}

TEST(Arguments, ANumberIsReadWholeOrNotAtAll) {
  EXPECT_EQ(number_of("-12"), json(-12));
  EXPECT_EQ(number_of("2.50"), json(2.5));
  EXPECT_EQ(number_of("18446744073709551615"), json(std::uint64_t{18446744073709551615U}));
  for (const std::string& text :
       {std::string(310, '9'), std::string(310, '9') + ".5", std::string("1e999"),
        std::string("12345678901234567890123"), std::string("-12345678901234567890"), std::string("inf"),
        std::string("nan"), std::string("5x"), std::string()})
    EXPECT_EQ(number_of(text), std::nullopt) << text;
}

}  // namespace
}  // namespace geminga::orchestrator
