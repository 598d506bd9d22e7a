#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
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

Outcome move(const Arguments& arguments, std::string_view how, const ordered_json& body) {
  Remote remote(arguments);
  return done(remote.send(
      {.method = "POST", .path = fmt::format("{}/{}", kSubscriptions, how), .body = body_text(body)}));
}

Outcome skip(const Arguments& arguments) {
  ordered_json body = named(arguments);
  if (!arguments.has("count")) return move(arguments, "skip-all", body);
  body["entries"] = arguments.number("count", 0);
  return move(arguments, "skip", body);
}

Outcome expire(const Arguments& arguments) {
  if (!arguments.has("older-than")) return usage("--older-than TIME is needed, for example --older-than 1h");
  ordered_json body = named(arguments);
  body["older_than_ms"] = arguments.duration("older-than", {}).count();
  return move(arguments, "expire", body);
}

Outcome seek(const Arguments& arguments) {
  if (arguments.has("to") == arguments.has("since"))
    return usage("one of --to WHERE and --since TIME is needed, for example --to earliest or --since 5m");
  ordered_json body = named(arguments);
  body["to"] = arguments.has("to")
                   ? arguments.text("to")
                   : base::to_iso8601(base::Clock::system().wall_now() - arguments.duration("since", {}));
  return move(arguments, "seek", body);
}

Outcome consumers(const Arguments& arguments) {
  Remote remote(arguments);
  GEMINGA_CLI_TRY(const ordered_json stats,
                  remote.get("/api/bus/stats?topic=" + url_encoded(arguments.text("TOPIC"))));
  const std::string name = arguments.text("SUBSCRIPTION");
  const auto all = stats.value("subscriptions", ordered_json::array());
  const auto found = std::ranges::find_if(all, [&](const auto& s) { return s.value("name", "") == name; });
  if (found == all.end())
    return failed(fmt::format("topic {} has no subscription '{}'", arguments.text("TOPIC"), name));
  Table table({"CONSUMER", "PRIORITY", "ACTIVE", "ROOM", "UNACKED", "OUT", "REDELIVERED"});
  for (const auto& c : found->value("connected", ordered_json::array())) {
    if (wants_json(arguments)) {
      print_json(c);
      continue;
    }
    const auto count = [&c](const char* key) { return std::to_string(c.value(key, std::int64_t{0})); };
    table.add({c.value("name", ""), count("priority"), c.value("active", true) ? "yes" : "no",
               count("permits"), count("unacked"), count("messages_out"), count("redelivered")});
  }
  if (!wants_json(arguments)) table.print();
  return {};
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
  const Option count{.name = "count",
                     .letter = 'n',
                     .value = Value::number,
                     .metavar = "N",
                     .help = "only the next so many that are not acknowledged (all)"};
  const Option older_than{.name = "older-than",
                          .value = Value::duration,
                          .metavar = "TIME",
                          .help = "published longer ago than this; needed"};
  const Option to{.name = "to",
                  .value = Value::text,
                  .metavar = "WHERE",
                  .help = "earliest, latest, a message id, or a time like 2026-11-21T20:15:03Z"};
  const Option since{.name = "since",
                     .value = Value::duration,
                     .metavar = "TIME",
                     .help = "what was published so long ago or later"};
  return {
      .name = "subscriptions",
      .summary = "who reads a topic and how far they are",
      .verbs = {
          {.name = "list",
           .summary = "the subscriptions of a topic",
           .positionals = {topic},
           .options = {output_option(), server_option(), token_option()},
           .run = list},
          {.name = "create",
           .summary = "make one before its first consumer comes",
           .positionals = {topic, subscription},
           .options = {from, output_option(), server_option(), token_option()},
           .run = create},
          {.name = "skip",
           .summary = "forget its backlog: go on with what comes from now on",
           .positionals = {topic, subscription},
           .options = {count, server_option(), token_option()},
           .run = skip},
          {.name = "expire",
           .summary = "forget what was published too long ago",
           .positionals = {topic, subscription},
           .options = {older_than, server_option(), token_option()},
           .run = expire},
          {.name = "seek",
           .summary = "go on from another place, forward or back",
           .about = "What its consumers hold is void: it comes again if it lies behind the new place. "
                    "What was acknowledged comes again as long as the topic's retention keeps it.",
           .positionals = {topic, subscription},
           .options = {to, since, server_option(), token_option()},
           .examples = {{"geminga subscriptions seek orders billing --since 10m",
                         "again what was published in the last ten minutes"},
                        {"geminga subscriptions seek orders billing --to 1:42:-1", "from this message on"}},
           .run = seek},
          {.name = "consumers",
           .summary = "who is connected to it, and what they hold",
           .positionals = {topic, subscription},
           .options = {output_option(), server_option(), token_option()},
           .run = consumers},
          {.name = "delete",
           .summary = "remove it with its position",
           .positionals = {topic, subscription},
           .options = {server_option(), token_option()},
           .run = remove}}};
}

}  // namespace geminga::cli
