#include "cli/serve_pulsar.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/metrics.hpp"
#include "base/try.hpp"
#include "orchestrator/spaces.hpp"

namespace geminga::cli {

Result<std::unique_ptr<doors::PulsarDoor>> open_pulsar_door(std::shared_ptr<broker::Broker> broker,
                                                            const ServeSettings& settings) {
  if (!broker) {
    if (!settings.pulsar_named) return nullptr;
    return fail(
        ErrorCode::config_error,
        fmt::format("--pulsar is a door to the embedded engine, and the bus is {}; leave one of them out",
                    settings.bus_url));
  }
  GEMINGA_TRY(const Endpoint endpoint, parse_endpoint(settings.pulsar, "the Pulsar address"));
  doors::PulsarDoorOptions options{.address = endpoint.host,
                                   .port = endpoint.port,
                                   .listen_all_insecure = settings.listen_all && settings.insecure,
                                   .advertise = settings.advertise,
                                   .kept = orchestrator::is_kept_namespace,
                                   .version = "Geminga " GEMINGA_VERSION,
                                   .metrics = &base::Metrics::process()};
  if (settings.auth.on()) {
    GEMINGA_TRY(auto authenticator, auth::Authenticator::create(settings.auth));
    options.authenticator = std::make_shared<const auth::Authenticator>(std::move(authenticator));
  }
  auto door = doors::PulsarDoor::listen(std::move(broker), std::move(options));
  if (!door)
    return fail(door.error().code, door.error().message + "; --pulsar HOST:PORT names another address");
  return door;
}

}  // namespace geminga::cli
