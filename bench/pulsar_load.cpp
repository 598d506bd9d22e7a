// Speaks Pulsar's protocol to a broker on this machine or another and measures what it does; each verb prints
// one line of JSON. It does as official clients do on the wire, and nothing else: the broker shares the
// processor with it.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "pulsar/loads.hpp"

namespace {

using namespace geminga::bench::load;

void add_producing(CLI::App& verb, Settings& settings) {
  verb.add_option("--size", settings.body_bytes, "bytes of a message");
  verb.add_option("--batch", settings.batch, "messages of an entry")->check(CLI::PositiveNumber);
  verb.add_option("--rate", settings.per_second, "messages a second, whatever the broker does");
  verb.add_option("--warm-up", settings.warm_up, "seconds whose latencies do not count");
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Measures a broker through Pulsar's protocol; prints JSON");
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--url", settings.url, "pulsar://HOST:PORT");
  app.add_option("--topic", settings.topic, "or what names of many begin with");
  app.add_option("--subscription", settings.subscription, "of consumers");
  app.add_option("--connections", settings.connections, "with one producer or consumer each")
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", settings.seconds, "how long");
  app.add_option("--messages", settings.messages, "or how many");
  app.add_option("--server-pid", settings.server_pid, "whose memory is looked at");
  json (*run)(const Settings&) = nullptr;
  const auto verb = [&](const char* name, const char* what, json (*function)(const Settings&)) {
    return app.add_subcommand(name, what)->callback([&run, function] { run = function; });
  };
  verb("subscribe", "make a subscription, which keeps what is published from now on", subscribe);
  CLI::App* producing = verb("produce", "publish as much as the broker takes, or at a rate", produce);
  add_producing(*producing, settings);
  producing->add_option("--in-flight", settings.in_flight, "messages of a connection without a receipt");
  verb("consume", "read what a subscription has to come", consume)
      ->add_option("--queue", settings.queue, "messages asked for in advance");
  CLI::App* both = verb("both", "publish and read at a rate", both_ends);
  add_producing(*both, settings);
  both->get_option("--rate")->required();
  verb("idle", "connections that do nothing", idle);
  CLI::App* topics = verb("topics", "a producer and a message for each of many topics", many_topics);
  topics->add_option("--topics", settings.topics, "how many");
  topics->add_option("--size", settings.body_bytes, "bytes of a message");
  verb("loopback", "what this machine can: round trips and bytes through 127.0.0.1", loopback)
      ->add_option("--size", settings.body_bytes, "bytes of a round trip");
  CLI11_PARSE(app, argc, argv);
  fmt::print("{}\n", run(settings).dump());
  return 0;
}
