#include <algorithm>

#include "base/log.hpp"
#include "doors/pulsar/commands/commands.hpp"

namespace geminga::doors::pulsar::commands {

namespace {

/// What clients may use that ask first; whatever is not here, they leave alone.
constexpr wire::FeatureFlags kFlags{.supports_auth_refresh = true,
                                    .supports_broker_entry_metadata = true,
                                    .supports_get_partitioned_metadata_without_auto_creation = true};

}  // namespace

void connect(Session& session, const wire::CommandConnect& command) {
  if (const auto proven = session.authenticate(*command.auth_method_name, *command.auth_data); !proven) {
    session.reply(wire::CommandError{.request_id = UINT64_MAX,
                                     .error = wire::ServerError::authentication,
                                     .message = proven.error().message});
    return session.end(proven.error().message);
  }
  const std::int32_t version = wire::agreed_version(*command.protocol_version);
  const wire::FeatureFlags& flags = *command.feature_flags;
  session.connect({.version = version,
                   .refreshes_token = wire::may_challenge(version, flags),
                   .reads_broker_metadata = wire::may_send_broker_entry(version, flags)});
  log::debug("pulsar", "{} is {}, protocol version {}", session.peer(), command.client_version, version);
  const PulsarDoorOptions& options = session.host().options;
  session.reply(
      wire::CommandConnected{.server_version = options.version,
                             .protocol_version = version,
                             .max_message_size = static_cast<std::int32_t>(options.message_bytes_max),
                             .feature_flags = kFlags});
}

}  // namespace geminga::doors::pulsar::commands
