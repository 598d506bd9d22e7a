#include <string>

#include "base/log.hpp"
#include "doors/pulsar/commands/commands.hpp"

namespace geminga::doors::pulsar::commands {

namespace {

/// What clients may use that ask first; whatever is not here, they leave alone.
constexpr wire::FeatureFlags kFlags{.supports_auth_refresh = true,
                                    .supports_broker_entry_metadata = true,
                                    .supports_get_partitioned_metadata_without_auto_creation = true};

void turn_away(Session& session, wire::ServerError error, const std::string& why) {
  session.reply(wire::CommandError{.request_id = UINT64_MAX, .error = error, .message = why});
  session.end(why);
}

/// Who speaks for somebody else would have the rights of both; without authentication everybody has all.
bool speaks_for_another(const Session& session, const wire::CommandConnect& command) {
  return session.host().options.authenticator &&
         (command.original_principal.present() || command.original_auth_data.present());
}

}  // namespace

void connect(Session& session, const wire::CommandConnect& command) {
  if (const auto proven = session.authenticate(*command.auth_method_name, *command.auth_data); !proven)
    return turn_away(session, wire::ServerError::authentication, proven.error().message);
  if (speaks_for_another(session, command))
    return turn_away(
        session, wire::ServerError::authorization,
        "proxies that speak for a client are not supported; let it connect by itself, or through "
        "a proxy that passes its bytes on");
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
