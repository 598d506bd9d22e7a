#pragma once

#include <memory>

#include "broker/broker.hpp"
#include "cli/serve_settings.hpp"
#include "doors/pulsar/pulsar_door.hpp"

namespace geminga::cli {

/// The door for Pulsar's clients; none where `broker` is none, which is on a foreign bus, or where it is off.
/// `tls` may be none. Errors: config_error (it was asked for there), and those of listening.
Result<std::unique_ptr<doors::PulsarDoor>> open_pulsar_door(std::shared_ptr<broker::Broker> broker,
                                                            const ServeSettings& settings,
                                                            std::shared_ptr<net::TlsContext> tls);

}  // namespace geminga::cli
