#include "orchestrator/matching/extraction.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

/// "a:number b?:string" as a schema; what has no question mark is required. Types may carry a format behind
/// "/".
json schema_of(std::string_view text) {
  json schema = {{"type", "object"}, {"properties", json::object()}, {"required", json::array()}};
  while (!text.empty()) {
    const std::string word(text.substr(0, text.find(' ')));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    const std::size_t colon = word.find(':');
    std::string name = word.substr(0, colon);
    std::string type = word.substr(colon + 1);
    const bool optional = name.ends_with('?');
    if (optional) name.pop_back();
    json property = json::object();
    if (const std::size_t slash = type.find('/'); slash != std::string::npos) {
      property["format"] = type.substr(slash + 1);
      type.resize(slash);
    }
    if (type.ends_with("[]")) {
      property["items"] = {{"type", type.substr(0, type.size() - 2)}};
      type = "array";
    }
    if (type.contains('|')) {
      property["enum"] = json::array();
      for (std::string_view rest = type; !rest.empty();) {
        const std::string choice(rest.substr(0, rest.find('|')));
        property["enum"].push_back(choice);
        rest.remove_prefix(std::min(rest.size(), choice.size() + 1));
      }
      type = "string";
    }
    property["type"] = type;
    schema["properties"][name] = property;
    if (!optional) schema["required"].push_back(name);
  }
  return schema;
}

struct Row {
  const char* schema;
  const char* sentence;
  const char* params;
};

constexpr Row kRows[] = {
    // enums
    {"unit:celsius|fahrenheit", "in Celsius please", R"({"unit":"celsius"})"},
    {"mode:round_trip|one_way", "a one way ticket", R"({"mode":"one_way"})"},
    {"unit:celsius|fahrenheit", "celsius or fahrenheit?", "{}"},
    {"unit:celsius|fahrenheit", "is it warm", "{}"},
    {"size?:small|large", "a large coffee", R"({"size":"large"})"},
    // truth values
    {"verbose?:boolean", "set verbose to true", R"({"verbose":true})"},
    {"verbose?:boolean", "be verbose about it", "{}"},
    // numbers: by name, by order, by kind
    {"base:number height:number", "area of a triangle with a height of 5 and a base of 10 units",
     R"({"base":10,"height":5})"},
    {"a:number b:number", "add 3 and 4.5", R"({"a":3,"b":4.5})"},
    {"a:number b:number", "a = 2, b = 7", R"({"a":2,"b":7})"},
    {"a:number b:number", "add 3", "{}"},
    {"a:number b:number", "add 1, 2 and 3", "{}"},
    {"number:integer", "factorial of 5", R"({"number":5})"},
    {"count:integer", "take 2.5 of them", "{}"},
    {"number:integer", "factorial of two hundred", R"({"number":200})"},
    {"population:integer", "a population of 5 million", R"({"population":5000000})"},
    {"temperature:number", "a temperature of minus 5", R"({"temperature":-5})"},
    {"number:integer", "factorial of the twenty fifth", "{}"},
    {"number:integer", "the root of 2k", "{}"},
    {"a:number b:number", "add 5 to 10 million, then 3", "{}"},
    {"numbers:number[]", "mean of 1, 2k and 3", "{}"},
    {"numbers:number[]", "mean of [1, 2k, 3]", "{}"},
    {"years:integer rate:number", "invest at 5% rate for 10 years", R"({"years":10,"rate":5})"},
    {"query:string limit?:integer", "search for \"cats\" with a limit of 20",
     R"({"query":"cats","limit":20})"},
    {"query:string page?:integer", "search for \"7 dwarfs\" 12 times", R"({"query":"7 dwarfs"})"},
    // dates and times
    {"date:string/date", "what happened on May 1, 2024?", R"({"date":"2024-05-01"})"},
    {"check_in:string/date check_out:string/date", "stay 2024-05-01 till 2024-05-04",
     R"({"check_in":"2024-05-01","check_out":"2024-05-04"})"},
    {"date:string", "what happens tomorrow", "{}"},
    {"time:string", "wake me at 7 am", R"({"time":"07:00"})"},
    {"time:string/time", "wake me at 7:15", R"({"time":"07:15:00"})"},
    // quoted text, addresses, URLs, paths
    {"message:string", "post 'hello there' to everybody", R"({"message":"hello there"})"},
    {"url:string", "fetch https://example.com/x please", R"({"url":"https://example.com/x"})"},
    {"email:string/email", "write to a@example.com", R"({"email":"a@example.com"})"},
    {"path:string", "read the file /srv/notes.txt", R"({"path":"/srv/notes.txt"})"},
    {"path:string", "read the file", "{}"},
    {"source:string destination:string", "move /a/x to /b/y", R"({"source":"/a/x","destination":"/b/y"})"},
    // behind prepositions
    {"origin:string destination:string", "fly from New York to Rome",
     R"({"origin":"New York","destination":"Rome"})"},
    {"origin:string destination:string", "go to the station from the harbour",
     R"({"origin":"harbour","destination":"station"})"},
    {"city:string", "how many people live in San Francisco?", R"({"city":"San Francisco"})"},
    {"city:string", "how is it in summer", "{}"},
    {"location:string", "hotels near Berlin, Germany", R"({"location":"Berlin, Germany"})"},
    {"author:string", "books by Jane Austen", R"({"author":"Jane Austen"})"},
    {"name:string", "create a user named Alice", R"({"name":"Alice"})"},
    // what nothing tells apart goes by the order of `required`, not of the names
    {"source:string destination:string", "copy /a/x /b/y", R"({"source":"/a/x","destination":"/b/y"})"},
    {"source:string destination:string", "rename a.txt b.txt", R"({"source":"a.txt","destination":"b.txt"})"},
    {"x:number power:number", "raise 2 by 9", R"({"x":2,"power":9})"},
    {"start:string/date end:string/date alpha?:number", "sales 2024-05-01 2024-05-04",
     R"({"start":"2024-05-01","end":"2024-05-04"})"},
    {"query:string", "search for 4k monitors", R"({"query":"4k monitors"})"},
    {"brand:string count?:integer", "the top five brands", "{}"},
    {"user_id:string", "show the user with the ID 7890", R"({"user_id":"7890"})"},
    // lists
    {"numbers:number[]", "mean of 1, 2 and 3.5", R"({"numbers":[1,2,3.5]})"},
    {"numbers:integer[]", "sort [5, 3]", R"({"numbers":[5,3]})"},
    {"paths:string[]", "read \"a.txt\" and \"b.txt\"", R"({"paths":["a.txt","b.txt"]})"},
    {"cities:string[]", "compare the rain of London, Paris and Rome",
     R"({"cities":["London","Paris","Rome"]})"},
    // text for a tool that wants nothing else (the tool is called echo)
    {"message:string", "please echo all that I say", R"({"message":"all that I say"})"},
    {"message:string", "say something nice", "{}"},
    // nothing is invented
    {"a:string b:string", "do it with \"x\"", "{}"},
    {"thing:object", "do it with \"x\"", "{}"},
};

TEST(Extraction, FillsWhatTheSentenceSaysAndNothingElse) {
  for (const Row& row : kRows) {
    json params = json::object();
    fill_from_sentence(schema_of(row.schema), "echo", read_sentence(row.sentence), params);
    EXPECT_EQ(params, json::parse(row.params)) << row.schema << " <- " << row.sentence << ": " << params;
  }
}

TEST(Extraction, WhatIsFilledStaysAndItsWordsAreNotTakenTwice) {
  const json schema = schema_of("a:number b:number text:string");
  json params = json::parse(R"({"a":3,"text":"hi"})");
  fill_from_sentence(schema, "t", read_sentence("say \"hi\" 3 times"), params);
  EXPECT_EQ(params, json::parse(R"({"a":3,"text":"hi"})"));
  fill_from_sentence(schema, "t", read_sentence("say \"hi\" 3 times, 5 at once"), params);
  EXPECT_EQ(params, json::parse(R"({"a":3,"b":5,"text":"hi"})"));
}

struct CaughtRow {
  const char* params;  ///< of a rule
  const char* sentence;
  const char* filled;
};

TEST(Extraction, WhatARuleHasCaughtIsSetAsideWhereverItStands) {
  const CaughtRow rows[] = {
      {R"({"a":5})", "dial 15 to 5", R"({"a":5,"b":15})"},
      {R"({"a":3})", "3 times 3", R"({"a":3,"b":3})"},
      {R"({"a":1000})", "add 1,000 to 7", R"({"a":1000,"b":7})"},
      {R"({"a":2.5})", "add 2.50 to 7", R"({"a":2.5,"b":7})"},
      {R"({"a":7,"c":"7"})", "7, 7 and 8", R"({"a":7,"b":8,"c":"7"})"},
  };
  for (const CaughtRow& row : rows) {
    json params = json::parse(row.params);
    fill_from_sentence(schema_of("a:number b:number"), "t", read_sentence(row.sentence), params);
    EXPECT_EQ(params, json::parse(row.filled)) << row.sentence;
  }
  json params = json::parse(R"({"a":"hi there"})");
  fill_from_sentence(schema_of("a:string b:string"), "t", read_sentence("say \"hi there\" and \"bye\""),
                     params);
  EXPECT_EQ(params, json::parse(R"({"a":"hi there","b":"bye"})"));
  params = json::parse(R"({"word":"celsius"})");
  fill_from_sentence(schema_of("word:string unit:celsius|kelvin"), "t",
                     read_sentence("write celsius behind degrees celsius"), params);
  EXPECT_EQ(params, json::parse(R"({"word":"celsius","unit":"celsius"})"));
}

TEST(Extraction, TablesInsideAreFilled) {
  const json schema = json::parse(
      R"({"properties":{"origin":{"type":"object","properties":{"address":{"type":"string"}},"required":["address"]},
      "destination":{"type":"object","properties":{"address":{"type":"string"}},"required":["address"]},
      "extra":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}},"required":["origin","destination"]})");
  json params = json::object();
  fill_from_sentence(schema, "t", read_sentence("the way from Bonn to Trier"), params);
  EXPECT_EQ(params, json::parse(R"({"origin":{"address":"Bonn"},"destination":{"address":"Trier"}})"));
  params = json::parse(R"({"origin":"Bonn"})");  // what a rule has written stays, also where it cannot fit
  fill_from_sentence(schema, "t", read_sentence("the way from Bonn to Trier"), params);
  EXPECT_EQ(params, json::parse(R"({"origin":"Bonn","destination":{"address":"Trier"}})"));
}

TEST(Extraction, TheMembersOfATableComeInTheOrderInWhichItRequiresThem) {
  const json schema = json::parse(
      R"({"properties":{"way":{"type":"object","properties":{"source":{"type":"string"},"destination":{"type":"string"}},
      "required":["source","destination"]}},"required":["way"]})");
  json params = json::object();
  fill_from_sentence(schema, "t", read_sentence("copy a.txt b.txt"), params);
  EXPECT_EQ(params, json::parse(R"({"way":{"source":"a.txt","destination":"b.txt"}})"));
}

TEST(Extraction, RequiredArgumentsHaveTheirDefaults) {
  const json schema = json::parse(
      R"({"properties":{"unit":{"type":"string","default":"km"},"kind":{"const":"a"},"empty":{"type":"string","default":""},
      "other":{"type":"number","default":3}},"required":["unit","kind","empty"]})");
  json params = json::object();
  fill_from_sentence(schema, "t", read_sentence("how far is it"), params);
  EXPECT_EQ(params, json::parse(R"({"unit":"km","kind":"a"})"));
}

TEST(Extraction, ValueOrNullIsAValue) {
  const json schema = json::parse(
      R"({"properties":{"n":{"anyOf":[{"type":"null"},{"type":"integer"}]},"s":{"type":["null","string"]}},"required":["n","s"]})");
  json params = json::object();
  fill_from_sentence(schema, "t", read_sentence("do \"x\" 3 times"), params);
  EXPECT_EQ(params, json::parse(R"({"n":3,"s":"x"})"));
}

TEST(Extraction, WhatMayAsWellBeAnOptionalArgumentIsNotGuessed) {
  const json schema = json::parse(
      R"({"properties":{"title":{"type":"string","description":"The title of the movie"},
      "genre":{"type":"string","description":"The genre of the movie"}},"required":["title"]})");
  json params = json::object();
  fill_from_sentence(schema, "t", read_sentence("the movies Crime-Thriller of 2020"), params);
  EXPECT_EQ(params, json::object());
}

TEST(Extraction, ADayInAnotherOrderIsNotGuessed) {
  const json schema = json::parse(
      R"({"properties":{"date":{"type":"string","description":"in DD/MM/YYYY"}},"required":["date"]})");
  json params = json::object();
  fill_from_sentence(schema, "t", read_sentence("on 2024-05-01"), params);
  EXPECT_EQ(params, json::object());
}

TEST(Extraction, ANumberThatJsonCannotHoldFillsNothing) {
  const std::string digits(310, '7');
  const std::pair<const char*, std::string> rows[] = {{"number:number", "the square of " + digits},
                                                      {"number:number", "the square of " + digits + ".5"},
                                                      {"number:integer", "the square of " + digits},
                                                      {"numbers:number[]", "squares of 2 and " + digits},
                                                      {"numbers:number[]", "squares of [1, " + digits + "]"}};
  for (const auto& [schema, sentence] : rows) {
    json params = json::object();
    fill_from_sentence(schema_of(schema), "t", read_sentence(sentence), params);
    EXPECT_EQ(params, json::object()) << schema << " <- " << sentence;
  }
}

TEST(Extraction, ASentenceThatIsNotReadToItsEndFillsNothing) {
  std::string sentence = "echo all that I say";
  for (std::size_t i = 0; i < kTokensMax; ++i) sentence += " and on";
  const Sentence read = read_sentence(sentence);
  EXPECT_TRUE(read.cut);
  EXPECT_EQ(read.tokens.size(), kTokensMax);
  json params = json::object();
  fill_from_sentence(schema_of("message:string"), "echo", read, params);
  EXPECT_EQ(params, json::object()) << "the end of the text is missing";
  EXPECT_FALSE(read_sentence("echo all that I say. ").cut);
}

TEST(Extraction, SchemasOfAnyShapeMayComeIn) {
  for (const char* schema : {"null", "3", "[]", "{}", R"({"properties":3})", R"({"properties":{"a":3}})",
                             R"({"properties":{"a":{"enum":3}},"required":["a"]})",
                             R"({"properties":{"a":{"type":7,"items":3}},"required":"a"})",
                             R"({"properties":{"a":{"enum":[1,null,[]]}},"required":["a"]})",
                             R"({"properties":{"a":{"type":"array","items":[]}},"required":["a"]})",
                             R"({"properties":{"a":{"format":3,"type":"string"}},"required":["a",3]})"}) {
    json params = json::object();
    fill_from_sentence(json::parse(schema), "t", read_sentence("from 1 to \"x\" in Berlin on 2024-01-01"),
                       params);
    EXPECT_TRUE(params.is_object()) << schema;
  }
}

}  // namespace
}  // namespace geminga::orchestrator
