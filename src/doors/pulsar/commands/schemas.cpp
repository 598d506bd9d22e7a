#include "doors/pulsar/commands/commands.hpp"

namespace geminga::doors::pulsar::commands {

/// Topics have no schemas here, which is what a client hears of a topic without one.
void get_schema(Session& session, const wire::CommandGetSchema& command) {
  session.reply(wire::CommandGetSchemaResponse{.request_id = command.request_id,
                                               .error_code = wire::ServerError::topic_not_found,
                                               .error_message = "schemas are not kept: no topic has one"});
}

void get_or_create_schema(Session& session, const wire::CommandGetOrCreateSchema& command) {
  session.reply(wire::CommandGetOrCreateSchemaResponse{
      .request_id = command.request_id,
      .error_code = wire::ServerError::not_allowed,
      .error_message = "schemas are not kept; send bytes, or a type that needs no definition"});
}

}  // namespace geminga::doors::pulsar::commands
