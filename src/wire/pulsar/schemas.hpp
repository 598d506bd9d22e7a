#pragma once

#include <cstdint>
#include <string_view>

#include "wire/pulsar/types.hpp"

/// The schemas of a topic.
namespace geminga::wire::pulsar {

struct CommandGetSchema {
  static constexpr std::string_view kName = "CommandGetSchema";
  std::uint64_t request_id = 0;
  std::string_view topic;
  Optional<std::string_view> schema_version;  ///< absent: the latest
  static constexpr auto kFields =
      fields(field(1, &CommandGetSchema::request_id), field(2, &CommandGetSchema::topic),
             field(3, &CommandGetSchema::schema_version));
};

struct CommandGetSchemaResponse {
  static constexpr std::string_view kName = "CommandGetSchemaResponse";
  std::uint64_t request_id = 0;
  Optional<ServerError> error_code;
  Optional<std::string_view> error_message;
  Optional<Schema> schema;
  Optional<std::string_view> schema_version;
  static constexpr auto kFields =
      fields(field(1, &CommandGetSchemaResponse::request_id), field(2, &CommandGetSchemaResponse::error_code),
             field(3, &CommandGetSchemaResponse::error_message), field(4, &CommandGetSchemaResponse::schema),
             field(5, &CommandGetSchemaResponse::schema_version));
};

struct CommandGetOrCreateSchema {
  static constexpr std::string_view kName = "CommandGetOrCreateSchema";
  std::uint64_t request_id = 0;
  std::string_view topic;
  Schema schema;
  Optional<std::string_view> producer_name;
  static constexpr auto kFields =
      fields(field(1, &CommandGetOrCreateSchema::request_id), field(2, &CommandGetOrCreateSchema::topic),
             field(3, &CommandGetOrCreateSchema::schema), field(4, &CommandGetOrCreateSchema::producer_name));
};

struct CommandGetOrCreateSchemaResponse {
  static constexpr std::string_view kName = "CommandGetOrCreateSchemaResponse";
  std::uint64_t request_id = 0;
  Optional<ServerError> error_code;
  Optional<std::string_view> error_message;
  Optional<std::string_view> schema_version;
  static constexpr auto kFields = fields(field(1, &CommandGetOrCreateSchemaResponse::request_id),
                                         field(2, &CommandGetOrCreateSchemaResponse::error_code),
                                         field(3, &CommandGetOrCreateSchemaResponse::error_message),
                                         field(4, &CommandGetOrCreateSchemaResponse::schema_version));
};

}  // namespace geminga::wire::pulsar
