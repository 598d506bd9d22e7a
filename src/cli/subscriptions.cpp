#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/output.hpp"
#include "cli/remote.hpp"
#include "cli/verb.hpp"

namespace geminga::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kSubscriptions = "/api/bus/subscriptions";

ordered_json named(const Arguments& arguments) {
  return {{"topic", arguments.text("TOPIC")}, {"subscription", arguments.text("SUBSCRIPTION")}};
}

Outcome done(const std::expected<Reply, Failure>& reply) {
  if (!reply) return std::unexpected(reply.error());
  if (!reply->good()) return std::unexpected(failure_of(*reply));
  return {};
}

Outcome list(const Arguments& arguments) {
  Remote remote(arguments);
  GEMINGA_CLI_TRY(const ordered_json stats,
                  remote.get("/api/bus/stats?topic=" + url_encoded(arguments.text("TOPIC"))));
  Table table({"SUBSCRIPTION", "TYPE", "CONSUMERS", "BACKLOG", "UNACKED", "DELAYED"});
  for (const auto& s : stats.value("subscriptions", ordered_json::array())) {
    if (wants_json(arguments)) {
      print_json(s);
      continue;
    }
    const auto count = [&s](const char* key) { return std::to_string(s.value(key, std::uint64_t{0})); };
    table.add({s.value("name", ""), s.value("type", ""), count("consumers"), count("backlog"),
               count("unacked"), count("delayed")});
  }
  if (!wants_json(arguments)) table.print();
  return {};
}

Outcome create(const Arguments& arguments) {
  Remote remote(arguments);
  ordered_json body = named(arguments);
  body["initial_position"] = arguments.text("from", "latest");
  GEMINGA_CLI_TRY(const ordered_json made, remote.post(std::string(kSubscriptions), body));
  if (wants_json(arguments)) print_json(made);
  return {};
}

Outcome remove(const Arguments& arguments) {
  Remote remote(arguments);
  return done(remote.send({.method = "DELETE",
                           .path = fmt::format("{}?topic={}&subscription={}", kSubscriptions,
                                               url_encoded(arguments.text("TOPIC")),
                                               url_encoded(arguments.text("SUBSCRIPTION")))}));
}

Outcome skip(const Arguments& arguments) {
  Remote remote(arguments);
  return done(remote.send({.method = "POST",
                           .path = fmt::format("{}/skip-all", kSubscriptions),
                           .body = body_text(named(arguments))}));
}

}  // namespace

Verb subscriptions_verb() {
  const Positional topic{.name = "TOPIC", .help = "orders, or persistent://tenant/namespace/orders"};
  const Positional subscription{.name = "SUBSCRIPTION", .help = "its name"};
  const Option from{.name = "from",
                    .value = Value::choice,
                    .metavar = "WHERE",
                    .help = "where it begins (latest)",
                    .choices = {"earliest", "latest"}};
  return {.name = "subscriptions",
          .summary = "who reads a topic and how far they are",
          .verbs = {{.name = "list",
                     .summary = "the subscriptions of a topic",
                     .positionals = {topic},
                     .options = {output_option(), server_option()},
                     .run = list},
                    {.name = "create",
                     .summary = "make one before its first consumer comes",
                     .positionals = {topic, subscription},
                     .options = {from, output_option(), server_option()},
                     .run = create},
                    {.name = "skip",
                     .summary = "forget its backlog: go on with what comes from now on",
                     .positionals = {topic, subscription},
                     .options = {server_option()},
                     .run = skip},
                    {.name = "delete",
                     .summary = "remove it with its position",
                     .positionals = {topic, subscription},
                     .options = {server_option()},
                     .run = remove}}};
}

}  // namespace geminga::cli
