#include "doors/pulsar/commands/commands.hpp"

namespace geminga::doors::pulsar::commands {

/// There is one broker: this one. Without an advertised address clients are told to stay at the one that they
/// reached, whatever stands between (a forwarded port, a container).
void lookup(Session& session, const wire::CommandLookupTopic& command) {
  wire::CommandLookupTopicResponse response{.request_id = command.request_id};
  const auto topic = session.topic(command.topic, std::nullopt);
  if (!topic) {
    response.response = wire::LookupResult::failed;
    response.error = server_error(topic.error().code);
    response.message = std::string_view(topic.error().message);
    return session.reply(response);
  }
  const Host& host = session.host();
  const std::string& advertised = session.secured() ? host.advertised_tls : host.advertised;
  const std::string here = (session.secured() ? "pulsar+ssl://" : "pulsar://") +
                           (advertised.empty() ? session.local() : advertised);
  (session.secured() ? response.broker_service_url_tls : response.broker_service_url) =
      std::string_view(here);
  response.response = wire::LookupResult::connect;
  response.authoritative = true;
  response.proxy_through_service_url = advertised.empty();
  session.reply(response);
}

}  // namespace geminga::doors::pulsar::commands
