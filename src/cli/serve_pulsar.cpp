#include "cli/serve_pulsar.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/metrics.hpp"
#include "base/try.hpp"
#include "orchestrator/spaces.hpp"

namespace geminga::cli {

Result<std::unique_ptr<doors::PulsarDoor>> open_pulsar_door(std::shared_ptr<broker::Broker> broker,
                                                            const ServeSettings& settings,
                                                            std::shared_ptr<net::TlsContext> tls) {
  if (settings.pulsar.empty() && settings.pulsar_tls.empty()) return nullptr;
  if (!broker) {
    if (!settings.pulsar_named) return nullptr;
    return fail(
        ErrorCode::config_error,
        fmt::format(
            "--pulsar and --pulsar-tls are doors to the embedded engine, and the bus is {}; leave one "
            "of them out",
            settings.bus_url));
  }
  Endpoint plain;
  Endpoint secure;
  if (!settings.pulsar.empty()) {
    GEMINGA_TRY(plain, parse_endpoint(settings.pulsar, "the Pulsar address"));
  }
  if (!settings.pulsar_tls.empty()) {
    GEMINGA_TRY(secure, parse_endpoint(settings.pulsar_tls, "the Pulsar TLS address"));
  }
  doors::PulsarDoorOptions options{.address = plain.host,
                                   .port = plain.port,
                                   .tls = settings.pulsar_tls.empty() ? nullptr : std::move(tls),
                                   .tls_address = secure.host,
                                   .tls_port = secure.port,
                                   .listen_all_insecure = settings.listen_all && settings.insecure,
                                   .advertise = settings.advertise,
                                   .kept = orchestrator::is_kept_namespace,
                                   .version = "Geminga " GEMINGA_VERSION,
                                   .creates_topics = settings.pulsar_door.creates_topics,
                                   .message_bytes_max = settings.pulsar_door.message_bytes_max,
                                   .connections_max = settings.pulsar_door.connections_max,
                                   .keep_alive = settings.pulsar_door.keep_alive,
                                   .doubt_timeout = settings.pulsar_door.liveness_timeout,
                                   .metrics = &base::Metrics::process()};
  if (settings.auth.on()) {
    GEMINGA_TRY(auto authenticator, auth::Authenticator::create(settings.auth));
    options.authenticator = std::make_shared<const auth::Authenticator>(std::move(authenticator));
  }
  auto door = doors::PulsarDoor::listen(std::move(broker), std::move(options));
  if (!door)
    return fail(door.error().code,
                door.error().message + "; --pulsar and --pulsar-tls HOST:PORT name other addresses");
  return door;
}

}  // namespace geminga::cli
