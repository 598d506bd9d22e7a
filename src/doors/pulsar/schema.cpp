#include "doors/pulsar/schema.hpp"

namespace geminga::doors::pulsar {

Result<> check_schema(const ::geminga::wire::pulsar::Optional<::geminga::wire::pulsar::Schema>& schema) {
  using Type = ::geminga::wire::pulsar::SchemaType;
  if (!schema.present()) return {};
  switch (schema->type) {
    case Type::json:
    case Type::protobuf:
    case Type::avro:
    case Type::key_value:
    case Type::protobuf_native:
    case Type::external:
      return fail(ErrorCode::unsupported_by_engine,
                  "schemas are not kept; send bytes, or a type that needs no definition, and encode in the "
                  "application");
    default:
      return {};
  }
}

}  // namespace geminga::doors::pulsar
