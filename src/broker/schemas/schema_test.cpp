#include "broker/schemas/schema.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/schemas/key_value.hpp"
#include "broker/schemas/verdict.hpp"

namespace geminga::broker {
namespace {

using ::testing::HasSubstr;

constexpr char kOrder[] = R"({"type":"record","name":"Order","fields":[{"name":"a","type":"int"}]})";

Result<std::string> avro(const std::string& data) {
  return fingerprint_of({.type = SchemaType::avro, .data = data, .properties = {}});
}
Result<std::string> of(SchemaType type, const std::string& data, Properties properties = {}) {
  return fingerprint_of({.type = type, .data = data, .properties = std::move(properties)});
}
std::string why(const Result<std::string>& refused) {
  EXPECT_FALSE(refused);
  if (refused) return {};
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_schema);
  return refused.error().message;
}

TEST(Schema, TypesHavePulsarsWords) {
  EXPECT_EQ(to_string(SchemaType::none), "NONE");
  EXPECT_EQ(to_string(SchemaType::float64), "DOUBLE");
  EXPECT_EQ(to_string(SchemaType::auto_consume), "AUTO_CONSUME");
  for (int number = 0; number <= static_cast<int>(SchemaType::auto_consume); ++number) {
    const auto type = static_cast<SchemaType>(number);
    EXPECT_EQ(parse_schema_type(to_string(type)).value(), type);
  }
  EXPECT_EQ(parse_schema_type("BYTES").value(), SchemaType::none);
  EXPECT_THAT(parse_schema_type("avro").error().message, HasSubstr("AVRO"));
}

// As Avro's library in Pulsar 4.0.7 compares them.
TEST(Schema, LayoutCommentsAndAliasesAreNoDifference) {
  const std::vector<std::string> same = {
      R"({"type":"record","name":"O","namespace":"n","fields":[{"name":"a","type":"string"}]})",
      R"({ "name": "n.O", "type": "record", "fields": [{"type": {"type": "string"}, "name": "a"}] })",
      R"({"type":"record","name":"n.O","aliases":["P"],"doc":"y",
          "fields":[{"name":"a","type":"string","aliases":["b"],"doc":"x","order":"ascending"}]})"};
  for (const std::string& each : same) EXPECT_EQ(avro(each).value(), avro(same[0]).value()) << each;
  const std::vector<std::string> others = {
      R"({"type":"record","name":"O","fields":[{"name":"a","type":"string"}]})",
      R"({"type":"record","name":"n.O","fields":[{"name":"a","type":{"type":"string","avro.java.string":"String"}}]})",
      R"({"type":"record","name":"n.O","fields":[{"name":"a","type":"string","order":"descending"}]})",
      R"({"type":"record","name":"n.O","x":1,"fields":[{"name":"a","type":"string"}]})",
      R"({"type":"record","name":"n.O","fields":[{"name":"a","type":"string","default":"q"}]})",
      R"({"type":"record","name":"n.O","fields":[{"name":"a","type":["string"]}]})"};
  for (const std::string& each : others) EXPECT_NE(avro(each).value(), avro(same[0]).value()) << each;
  EXPECT_NE(of(SchemaType::json, same[0]).value(), avro(same[0]).value()) << "the type counts";
}

TEST(Schema, NamesAreKnownFromTheirDeclarationOn) {
  const std::string inner = R"({"type":"enum","name":"Colour","symbols":["red","green"]})";
  EXPECT_EQ(
      avro(
          R"({"type":"record","name":"n.O","fields":[{"name":"a","type":)" + inner +
          R"(},{"name":"b","type":["null","Colour"],"default":null},{"name":"c","type":{"type":"array","items":"n.Colour"}},
                 {"name":"next","type":["null","O"]}]})")
          .value(),
      avro(
          R"({"type":"record","name":"n.O","fields":[{"name":"a","type":)" + inner +
          R"(},{"name":"b","type":["null","n.Colour"],"default":null},{"name":"c","type":{"type":"array","items":"Colour"}},
                 {"name":"next","type":["null","n.O"]}]})")
          .value());
  EXPECT_THAT(
      why(avro(R"({"type":"record","name":"O","fields":[{"name":"a","type":"Colour"},{"name":"b","type":)" +
               inner + "}]}")),
      HasSubstr("O.a: no type 'Colour'"));
}

TEST(Schema, ADefinitionThatIsNotWellFormedIsRefusedWithThePlace) {
  EXPECT_THAT(why(avro("{")), HasSubstr("no JSON"));
  EXPECT_THAT(why(avro("")), HasSubstr("no JSON"));
  EXPECT_THAT(why(avro(std::string(kOrder) + " x")), HasSubstr("no JSON"));
  EXPECT_THAT(why(avro("1")), HasSubstr("a name, a list or an object"));
  EXPECT_THAT(why(avro(R"(["null","string"])")), HasSubstr("union"));
  EXPECT_THAT(why(avro(R"({"type":"record","fields":[]})")), HasSubstr("record has no 'name'"));
  EXPECT_THAT(why(avro(R"({"type":"record","name":"O"})")), HasSubstr("O has no 'fields'"));
  EXPECT_THAT(why(avro(R"({"type":"record","name":"O-x","fields":[]})")), HasSubstr("'O-x' is no name"));
  EXPECT_THAT(
      why(avro(
          R"({"type":"record","name":"O","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]})")),
      HasSubstr("two fields 'a'"));
  EXPECT_THAT(why(avro(R"({"type":"record","name":"O","fields":[{"name":"a"}]})")),
              HasSubstr("O.a has no 'type'"));
  EXPECT_THAT(why(avro(R"({"type":"array"})")), HasSubstr("array has no 'items'"));
  EXPECT_THAT(why(avro(R"({"type":"enum","name":"E","symbols":"x"})")), HasSubstr("'symbols'"));
  EXPECT_THAT(why(avro(R"({"type":"fixed","name":"F","size":"x"})")), HasSubstr("'size'"));
  EXPECT_THAT(why(avro(R"({"name":"O"})")), HasSubstr("'type'"));
  EXPECT_TRUE(avro(R"("string")"));
  EXPECT_TRUE(avro(R"({"type":"map","values":{"type":"long","logicalType":"timestamp-millis"}})"));
  EXPECT_THAT(why(of(SchemaType::protobuf, "xx")), HasSubstr("PROTOBUF"));
  EXPECT_THAT(why(of(SchemaType::string, "x")), HasSubstr("STRING"));
  EXPECT_EQ(of(SchemaType::string, "null").value(), of(SchemaType::string, "").value())
      << "as Python's client writes nothing";
  EXPECT_THAT(why(of(SchemaType::auto_consume, "")), HasSubstr("AUTO_CONSUME"));
}

TEST(Schema, ItHasBounds) {
  std::string deep;
  for (int i = 0; i < 3'000; ++i) deep += R"({"type":"array","items":)";
  EXPECT_THAT(why(avro(deep + R"("int")" + std::string(3'000, '}'))), HasSubstr("levels"));
  EXPECT_THAT(why(avro(std::string(3'000, '['))), HasSubstr("levels"));
  const std::string large =
      R"({"type":"record","name":"O","fields":[],"doc":")" + std::string(kSchemaBytesMax, 'x') + "\"}";
  EXPECT_THAT(why(avro(large)), HasSubstr("limit"));
  EXPECT_THAT(why(of(SchemaType::string, "", {{"a", std::string(kSchemaBytesMax, 'x')}})),
              HasSubstr("limit"));
}

TEST(Schema, JsonMayBeDefinedByAJsonSchema) {
  const auto one = of(SchemaType::json, R"({"type":"object","properties":{"a":{"type":"integer"}}})");
  EXPECT_EQ(one.value(),
            of(SchemaType::json, R"({ "type":"object","properties":{"a":{"type":"integer"}}})").value());
  EXPECT_NE(one.value(), of(SchemaType::json, R"({"type":"object"})").value());
  EXPECT_FALSE(avro(R"({"type":"object"})"));
  EXPECT_FALSE(of(SchemaType::json, "1"));
  EXPECT_FALSE(of(SchemaType::json, "{}"));
}

TEST(Schema, ProtobufNativeNamesItsDescriptor) {
  EXPECT_TRUE(
      of(SchemaType::protobuf_native,
         R"({"fileDescriptorSet":"Cg==","rootMessageTypeName":"a.B","rootFileDescriptorName":"b.proto"})"));
  EXPECT_THAT(why(of(SchemaType::protobuf_native, R"({"fileDescriptorSet":"Cg=="})")),
              HasSubstr("rootMessageTypeName"));
  EXPECT_THAT(why(of(SchemaType::protobuf_native, "\x0a\x01x")), HasSubstr("no JSON"));
}

TEST(Schema, AKeyValueIsTwoDefinitions) {
  const Properties types = {{"key.schema.type", "AVRO"}, {"value.schema.type", "STRING"}};
  const std::string data = join_key_value(kOrder, "");
  EXPECT_EQ(data.substr(0, 5), std::string("\0\0\0\x45{", 5));
  const auto both =
      split_key_value({.type = SchemaType::key_value, .data = data, .properties = types}).value();
  EXPECT_EQ(both.key.data, kOrder);
  EXPECT_EQ(both.value.type, SchemaType::string);
  EXPECT_TRUE(of(SchemaType::key_value, data, types));
  EXPECT_TRUE(of(SchemaType::key_value, std::string("\xff\xff\xff\xff\0\0\0\0", 8), {}))
      << "no definition at all";
  EXPECT_FALSE(of(SchemaType::key_value, data, {{"key.schema.type", "AVRO"}, {"value.schema.type", "AVRO"}}));
  EXPECT_FALSE(of(SchemaType::key_value, data, {{"key.schema.type", "avro"}}));
  for (std::size_t cut = 0; cut < data.size(); ++cut)
    EXPECT_FALSE(of(SchemaType::key_value, data.substr(0, cut), types)) << cut;
  EXPECT_FALSE(of(SchemaType::key_value, data + "x", types));
  EXPECT_THAT(why(of(SchemaType::key_value, data,
                     {{"key.schema.type", "KEY_VALUE"}, {"value.schema.type", "STRING"}})),
              HasSubstr("no parts"));
}

// --- what becomes of one
// ------------------------------------------------------------------------------------

storage::SchemaRow row(std::uint64_t version, std::optional<SchemaType> type, std::string fingerprint = "f") {
  storage::SchemaRow row{.topic = "t", .version = version, .fingerprint = std::move(fingerprint)};
  if (type) row.type = static_cast<std::uint32_t>(*type);
  return row;
}

TEST(SchemaVerdict, WhatIsBehindTheLastMarkCounts) {
  const KnownSchemas none("t", {});
  EXPECT_EQ(none.next, 0U);
  const KnownSchemas deleted("t", {row(2, std::nullopt)});
  EXPECT_TRUE(deleted.live.empty());
  EXPECT_EQ(deleted.next, 3U);
  const KnownSchemas again("t",
                           {row(2, std::nullopt), row(3, SchemaType::avro), row(4, SchemaType::avro, "g")});
  EXPECT_EQ(again.live.size(), 2U);
  EXPECT_EQ(again.version_of("g"), 4U);
  EXPECT_EQ(again.version_of("h"), std::nullopt);
}

TEST(SchemaVerdict, PoliciesDecideAboutAChange) {
  const KnownSchemas known("t", {row(0, SchemaType::avro)});
  const BroughtSchema other{.type = SchemaType::avro, .fingerprint = "g"};
  const auto usual = judge_new(known, other, {});
  ASSERT_FALSE(usual);
  EXPECT_EQ(usual.error().code, ErrorCode::incompatible_schema);
  EXPECT_THAT(usual.error().message, HasSubstr("schema_compatibility to always_compatible"));
  EXPECT_THAT(judge_new(known, {.type = SchemaType::string, .fingerprint = "g"}, {}).error().message,
              HasSubstr("AVRO (version 0), this one is of type STRING"));
  const SchemaPolicy open{.compatibility = SchemaCompatibility::always_compatible};
  EXPECT_EQ(judge_new(known, other, open).value().version, 1U);
  EXPECT_TRUE(judge_new(known, other, open).value().add);
  const SchemaPolicy shut{.compatibility = SchemaCompatibility::always_incompatible};
  EXPECT_EQ(judge_new(known, {.type = SchemaType::avro, .fingerprint = "f"}, shut).value().version, 0U);
  EXPECT_FALSE(judge_new(known, other, shut));
  EXPECT_TRUE(judge_new(KnownSchemas("t", {}), other, shut)) << "a first one always";
}

TEST(SchemaVerdict, ATopicHasOnlySoMany) {
  const SchemaPolicy open{.compatibility = SchemaCompatibility::always_compatible};
  std::vector<storage::SchemaRow> rows;
  for (std::size_t i = 0; i < kSchemaVersionsMax; ++i) rows.push_back(row(i, SchemaType::avro));
  EXPECT_FALSE(judge_new(KnownSchemas("t", rows), {.type = SchemaType::avro, .fingerprint = "g"}, open));
  EXPECT_TRUE(judge_new(KnownSchemas("t", rows), {.type = SchemaType::avro, .fingerprint = "f"}, open));
  rows.resize(1);
  rows[0].bytes = kSchemaTopicBytesMax;
  EXPECT_FALSE(judge_new(KnownSchemas("t", rows), {.type = SchemaType::avro, .fingerprint = "g"}, open));
}

TEST(SchemaVerdict, AProducerWithoutOneIsLetInUnlessThatIsEnforced) {
  const KnownSchemas known("t", {row(0, SchemaType::avro)});
  EXPECT_EQ(judge_producer(known, std::nullopt, {}).value().version, std::nullopt);
  const SchemaPolicy enforced{.validation_enforced = true};
  EXPECT_FALSE(judge_producer(known, std::nullopt, enforced));
  EXPECT_TRUE(judge_producer(KnownSchemas("t", {}), std::nullopt, enforced));
  EXPECT_TRUE(judge_producer(KnownSchemas("t", {row(0, SchemaType::none)}), std::nullopt, enforced));
  const SchemaPolicy no_update{.auto_update = false};
  EXPECT_FALSE(judge_producer(KnownSchemas("t", {}),
                              BroughtSchema{.type = SchemaType::avro, .fingerprint = "f"}, no_update));
  EXPECT_EQ(judge_producer(known, BroughtSchema{.type = SchemaType::avro, .fingerprint = "f"}, no_update)
                .value()
                .version,
            0U);
}

TEST(SchemaVerdict, AConsumerSaysWhatATopicIsForWhileItIsIdle) {
  const KnownSchemas none("t", {});
  const BroughtSchema brought{.type = SchemaType::avro, .fingerprint = "f"};
  EXPECT_TRUE(judge_consumer(none, brought, {}, true).value().add);
  EXPECT_THAT(judge_consumer(none, brought, {}, false).error().message, HasSubstr("without a schema"));
  EXPECT_FALSE(judge_consumer(none, {.type = SchemaType::string, .fingerprint = "s"}, {}, false).value().add);
  EXPECT_FALSE(judge_consumer(none, brought, {.auto_update = false}, true));
  const KnownSchemas known("t", {row(0, SchemaType::avro), row(1, SchemaType::avro, "g")});
  EXPECT_TRUE(judge_consumer(known, brought, {}, false));
  EXPECT_FALSE(judge_consumer(known, {.type = SchemaType::avro, .fingerprint = "h"}, {}, true));
  EXPECT_FALSE(judge_consumer(known, {.type = SchemaType::string, .fingerprint = "s"}, {}, true));
  const SchemaPolicy open{.compatibility = SchemaCompatibility::always_compatible};
  EXPECT_FALSE(judge_consumer(known, {.type = SchemaType::avro, .fingerprint = "h"}, open, true).value().add)
      << "it may read, but what it brings is no version";
}

}  // namespace
}  // namespace geminga::broker
