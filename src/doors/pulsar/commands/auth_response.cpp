#include "doors/pulsar/commands/commands.hpp"

namespace geminga::doors::pulsar::commands {

void auth_response(Session& session, const wire::CommandAuthResponse& command) {
  const wire::AuthData& data = *command.response;
  if (const auto proven = session.authenticate(*data.auth_method_name, *data.auth_data); !proven) {
    session.reply(wire::CommandError{.request_id = UINT64_MAX,
                                     .error = wire::ServerError::authentication,
                                     .message = proven.error().message});
    session.end(proven.error().message);
  }
}

}  // namespace geminga::doors::pulsar::commands
