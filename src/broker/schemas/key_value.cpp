#include "broker/schemas/key_value.hpp"

#include <cstdint>
#include <limits>
#include <optional>

#include "base/try.hpp"

namespace geminga::broker {

namespace {

constexpr std::size_t kLengthBytes = 4;
/// What some clients write for "no definition".
constexpr std::uint32_t kNothing = std::numeric_limits<std::uint32_t>::max();

/// The next part; nothing: it is not whole.
std::optional<std::string_view> take_part(std::string_view& rest) {
  if (rest.size() < kLengthBytes) return std::nullopt;
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) length = length << 8U | static_cast<std::uint8_t>(rest[i]);
  rest.remove_prefix(kLengthBytes);
  if (length == kNothing) length = 0;
  if (length > rest.size()) return std::nullopt;
  const std::string_view part = rest.substr(0, length);
  rest.remove_prefix(length);
  return part;
}

void append_part(std::string& to, std::string_view part) {
  const auto length = static_cast<std::uint32_t>(part.size());
  for (std::uint32_t shift = 32; shift > 0; shift -= 8)
    to.push_back(static_cast<char>(length >> (shift - 8) & 0xffU));
  to.append(part);
}

Result<SchemaType> type_in(const Properties& properties, std::string_view name) {
  const auto found = properties.find(name);
  return found == properties.end() ? SchemaType::none : parse_schema_type(found->second);
}

}  // namespace

Result<KeyValueSchemas> split_key_value(const SchemaDefinition& both) {
  std::string_view rest = both.data;
  const auto key = take_part(rest);
  const auto value = key ? take_part(rest) : std::nullopt;
  if (!value || !rest.empty())
    return fail(ErrorCode::invalid_schema,
                "the definition of a KEY_VALUE schema is two definitions, each behind its length in four "
                "bytes; this one is not");
  KeyValueSchemas schemas;
  GEMINGA_TRY(schemas.key.type, type_in(both.properties, "key.schema.type"));
  GEMINGA_TRY(schemas.value.type, type_in(both.properties, "value.schema.type"));
  schemas.key.data = *key;
  schemas.value.data = *value;
  return schemas;
}

std::string join_key_value(std::string_view key, std::string_view value) {
  std::string both;
  append_part(both, key);
  append_part(both, value);
  return both;
}

}  // namespace geminga::broker
