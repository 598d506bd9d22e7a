#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/schema.hpp"

namespace geminga::doors::pulsar::commands {

/// Topics have no schemas here, which is what a client hears of a topic without one.
void get_schema(Session& session, const wire::CommandGetSchema& command) {
  session.reply(wire::CommandGetSchemaResponse{.request_id = command.request_id,
                                               .error_code = wire::ServerError::topic_not_found,
                                               .error_message = "schemas are not kept: no topic has one"});
}

void get_or_create_schema(Session& session, const wire::CommandGetOrCreateSchema& command) {
  wire::CommandGetOrCreateSchemaResponse response{.request_id = command.request_id};
  const auto good = check_schema(command.schema);
  if (good) {
    response.schema_version = std::string_view();  // none, and there: clients read it unasked
  } else {
    response.error_code = server_error(good.error().code);
    response.error_message = std::string_view(good.error().message);
  }
  session.reply(response);
}

}  // namespace geminga::doors::pulsar::commands
