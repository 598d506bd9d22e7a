#include "broker/schemas/schema.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include "base/try.hpp"
#include "broker/schemas/avro.hpp"
#include "broker/schemas/key_value.hpp"

namespace geminga::broker {

namespace {

using nlohmann::json;

/// By number.
constexpr std::array<std::string_view, 22> kWords = {"NONE",
                                                     "STRING",
                                                     "JSON",
                                                     "PROTOBUF",
                                                     "AVRO",
                                                     "BOOLEAN",
                                                     "INT8",
                                                     "INT16",
                                                     "INT32",
                                                     "INT64",
                                                     "FLOAT",
                                                     "DOUBLE",
                                                     "DATE",
                                                     "TIME",
                                                     "TIMESTAMP",
                                                     "KEY_VALUE",
                                                     "INSTANT",
                                                     "LOCAL_DATE",
                                                     "LOCAL_TIME",
                                                     "LOCAL_DATE_TIME",
                                                     "PROTOBUF_NATIVE",
                                                     "AUTO_CONSUME"};

/// Reading, comparing and writing go down by recursion.
constexpr int kDepthMax = 200;

std::unexpected<Error> invalid(SchemaType type, std::string_view why) {
  return fail(ErrorCode::invalid_schema,
              fmt::format("the definition of this {} schema cannot be used: {}", to_string(type), why));
}

Result<json> parse(SchemaType type, std::string_view text) {
  bool too_deep = false;
  const auto watch = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > kDepthMax;
    return !too_deep;
  };
  json parsed = json::parse(text, watch, false);
  if (too_deep) return invalid(type, fmt::format("it is deeper than {} levels", kDepthMax));
  if (parsed.is_discarded()) return invalid(type, "it is no JSON");
  return parsed;
}

/// Of Avro's form. A union at the top has no name that a message could be of.
Result<std::string> normal_form(SchemaType type, const json& definition) {
  if (definition.is_array()) return invalid(type, "a union stands within a record only");
  auto normal = normal_avro(definition);
  if (!normal) return invalid(type, normal.error().message);
  return normal->dump();
}

Result<std::string> check_native(const std::string& data) {
  GEMINGA_TRY(const json parsed, parse(SchemaType::protobuf_native, data));
  for (const char* field : {"fileDescriptorSet", "rootMessageTypeName", "rootFileDescriptorName"}) {
    if (!parsed.is_object() || !parsed.contains(field) || !parsed[field].is_string() ||
        parsed[field].get_ref<const std::string&>().empty())
      return invalid(SchemaType::protobuf_native,
                     fmt::format("it is an object with fileDescriptorSet (base64), rootMessageTypeName and "
                                 "rootFileDescriptorName, and '{}' is missing",
                                 field));
  }
  return data;
}

/// What the definition says, in one form.
Result<std::string> meaning_of(const SchemaDefinition& schema) {  // NOLINT(misc-no-recursion): one level
  switch (schema.type) {
    case SchemaType::avro:
    case SchemaType::protobuf: {
      GEMINGA_TRY(const json parsed, parse(schema.type, schema.data));
      return normal_form(schema.type, parsed);
    }
    case SchemaType::json: {
      GEMINGA_TRY(const json parsed, parse(schema.type, schema.data));
      auto normal = normal_form(schema.type, parsed);
      // Old clients define JSON by a JSON Schema.
      const bool other =
          !normal && parsed.is_object() && parsed.contains("type") && !parsed.contains("fields");
      return other ? parsed.dump() : normal;
    }
    case SchemaType::protobuf_native:
      return check_native(schema.data);
    case SchemaType::key_value: {
      GEMINGA_TRY(const KeyValueSchemas both, split_key_value(schema));
      for (const SchemaDefinition* part : {&both.key, &both.value}) {
        if (part->type == SchemaType::key_value) return invalid(schema.type, "its parts have no parts");
        GEMINGA_TRY_VOID(meaning_of(*part));
      }
      return schema.data;
    }
    case SchemaType::auto_consume:
      return invalid(schema.type, "it says what a client wants to know, not what a topic has");
    default:
      // Pulsar's Python client writes "no definition" as JSON.
      if (schema.data.empty() || schema.data == "null") return std::string();
      return invalid(schema.type, "its type says all; there is no definition to it");
  }
}

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + size, ""));
}

}  // namespace

std::string_view to_string(SchemaType type) {
  const auto number = static_cast<std::size_t>(type);
  return number < kWords.size() ? kWords[number] : "UNKNOWN";
}

Result<SchemaType> parse_schema_type(std::string_view text) {
  if (text == "BYTES") return SchemaType::none;
  const auto found = std::ranges::find(kWords, text);
  if (found != kWords.end()) return static_cast<SchemaType>(found - kWords.begin());
  return fail(ErrorCode::invalid_schema,
              fmt::format("'{}' is no type of schema; there are: BYTES, {}", text, fmt::join(kWords, ", ")));
}

Result<std::string> fingerprint_of(const SchemaDefinition& definition) {
  std::size_t bytes = definition.data.size();
  for (const auto& [name, value] : definition.properties) bytes += name.size() + value.size();
  if (bytes > kSchemaBytesMax)
    return invalid(definition.type, fmt::format("it has {} bytes, {} is the limit", bytes, kSchemaBytesMax));
  GEMINGA_TRY(const std::string meaning, meaning_of(definition));
  return sha256_hex(fmt::format("{}\n{}", to_string(definition.type), meaning));
}

}  // namespace geminga::broker
