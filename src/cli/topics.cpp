#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/message_json.hpp"
#include "cli/output.hpp"
#include "cli/policies.hpp"
#include "cli/remote.hpp"
#include "cli/verb.hpp"

namespace geminga::cli {
namespace {

using nlohmann::ordered_json;

std::string with_topic(std::string_view path, const std::string& topic) {
  return fmt::format("{}?topic={}", path, url_encoded(topic));
}

std::expected<ordered_json, Failure> stats_of(Remote& remote, const std::string& topic) {
  return remote.get(with_topic("/api/bus/stats", topic));
}

std::uint64_t count(const ordered_json& object, const char* key) {
  return object.value(key, std::uint64_t{0});
}

// --- list
// ----------------------------------------------------------------------------------------------------

Outcome list(const Arguments& arguments) {
  Remote remote(arguments);
  std::string path = "/api/bus/topics";
  if (arguments.has("namespace")) path += "?namespace=" + url_encoded(arguments.text("namespace"));
  GEMINGA_CLI_TRY(const ordered_json answer, remote.get(path));
  const auto topics = answer.value("topics", std::vector<std::string>());
  Table table({"TOPIC", "STORED", "BYTES", "SUBSCRIPTIONS", "BACKLOG"});
  for (const auto& topic : topics) {
    GEMINGA_CLI_TRY(const ordered_json stats, stats_of(remote, topic));
    if (wants_json(arguments)) {
      print_json(stats);
      continue;
    }
    std::uint64_t backlog = 0;
    const auto subscriptions = stats.value("subscriptions", ordered_json::array());
    for (const auto& subscription : subscriptions) backlog += count(subscription, "backlog");
    table.add({topic, std::to_string(count(stats, "stored_messages")),
               std::to_string(count(stats, "stored_bytes")), std::to_string(subscriptions.size()),
               std::to_string(backlog)});
  }
  if (!wants_json(arguments)) table.print();
  return {};
}

// --- show, create, delete, peek
// ------------------------------------------------------------------------------

Outcome show(const Arguments& arguments) {
  Remote remote(arguments);
  GEMINGA_CLI_TRY(const ordered_json stats, stats_of(remote, arguments.text("TOPIC")));
  if (wants_json(arguments)) {
    print_json(stats);
    return {};
  }
  for (const auto& [name, value] : stats.items()) {
    if (!value.is_array())
      print_line(fmt::format("{:<17}{}", name, value.is_string() ? value.get<std::string>() : value.dump()));
  }
  Table table(
      {"SUBSCRIPTION", "TYPE", "DURABLE", "CONSUMERS", "BACKLOG", "UNACKED", "DELAYED", "REDELIVERED"});
  for (const auto& s : stats.value("subscriptions", ordered_json::array())) {
    table.add({s.value("name", ""), s.value("type", ""), s.value("durable", true) ? "yes" : "no",
               std::to_string(count(s, "consumers")), std::to_string(count(s, "backlog")),
               std::to_string(count(s, "unacked")), std::to_string(count(s, "delayed")),
               std::to_string(count(s, "redelivered"))});
  }
  print_line("");
  if (!table.empty()) table.print();
  return {};
}

Outcome create(const Arguments& arguments) {
  Remote remote(arguments);
  GEMINGA_CLI_TRY(const ordered_json made,
                  remote.post("/api/bus/topics", {{"topic", arguments.text("TOPIC")}}));
  if (wants_json(arguments))
    print_json(made);
  else
    print_line(made.value("topic", ""));
  return {};
}

Outcome remove(const Arguments& arguments) {
  Remote remote(arguments);
  std::string path = with_topic("/api/bus/topics", arguments.text("TOPIC"));
  if (arguments.has("force")) path += "&force=true";
  GEMINGA_CLI_TRY(const Reply reply, remote.send({.method = "DELETE", .path = path}));
  if (!reply.good()) return std::unexpected(failure_of(reply));
  return {};
}

Outcome terminate(const Arguments& arguments) {
  Remote remote(arguments);
  GEMINGA_CLI_TRY(const ordered_json ended,
                  remote.post("/api/bus/topics/terminate", {{"topic", arguments.text("TOPIC")}}));
  if (wants_json(arguments)) {
    print_json(ended);
  } else if (const auto& last = ended.at("last_message_id"); last.is_string()) {
    print_line(last.get<std::string>());
  }
  return {};
}

/// Looks without consuming, a page at a time.
Outcome peek(const Arguments& arguments) {
  Remote remote(arguments);
  std::uint64_t left = arguments.number("count", 10);
  std::string after = arguments.text("after");
  while (left > 0) {
    std::string path = with_topic("/api/bus/messages", arguments.text("TOPIC")) +
                       fmt::format("&limit={}", std::min<std::uint64_t>(left, 100));
    if (!after.empty()) path += "&after=" + url_encoded(after);
    GEMINGA_CLI_TRY(const ordered_json page, remote.get(path));
    const auto messages = page.value("messages", ordered_json::array());
    if (messages.empty()) return {};
    for (const auto& line : messages) {
      const auto message = parse_message(line);
      if (!message) return failed(message.error());
      if (wants_json(arguments))
        print_json(message_json(*message));
      else
        print_line(fmt::format("{}  {}", message->id.to_string(), printable(message->body)));
    }
    left -= std::min<std::uint64_t>(left, messages.size());
    after = messages.back().value("id", "");
  }
  return {};
}

Outcome policies(const Arguments& arguments) {
  return run_policies(arguments, "topic", arguments.text("TOPIC"));
}

const Positional kTopic{.name = "TOPIC", .help = "orders, or persistent://tenant/namespace/orders"};

}  // namespace

Verb topics_verb() {
  return {.name = "topics",
          .summary = "the topics of the bus, what they hold and who reads them",
          .verbs = {{.name = "list",
                     .summary = "all topics",
                     .options = {{.name = "namespace",
                                  .value = Value::text,
                                  .metavar = "TENANT/NAMESPACE",
                                  .help = "only of this one"},
                                 output_option(),
                                 server_option()},
                     .run = list},
                    {.name = "show",
                     .summary = "one topic with its subscriptions and their backlog",
                     .positionals = {kTopic},
                     .options = {output_option(), server_option()},
                     .run = show},
                    {.name = "create",
                     .summary = "make a topic",
                     .positionals = {kTopic},
                     .options = {output_option(), server_option()},
                     .run = create},
                    {.name = "delete",
                     .summary = "delete a topic and everything in it",
                     .positionals = {kTopic},
                     .options = {{.name = "force", .help = "even with consumers or producers connected"},
                                 server_option()},
                     .run = remove},
                    {.name = "terminate",
                     .summary = "let a topic take no more messages, for good; prints the id of its last one",
                     .about = "Consumers go on until they have all of it. There is no way back.",
                     .positionals = {kTopic},
                     .options = {output_option(), server_option()},
                     .run = terminate},
                    {.name = "policies",
                     .summary = "limits of a topic: age, backlog, rates, how many may connect",
                     .positionals = {kTopic},
                     .options = policy_options(),
                     .examples = {{"geminga topics policies orders --set backlog_bytes=1000000000 --set "
                                   "backlog_action=producer_exception",
                                   "refuse what is over a gigabyte of backlog"}},
                     .run = policies},
                    {.name = "peek",
                     .summary = "look at messages without consuming them, oldest first",
                     .positionals = {kTopic},
                     .options = {{.name = "count",
                                  .letter = 'n',
                                  .value = Value::number,
                                  .metavar = "N",
                                  .help = "at most so many (10)"},
                                 {.name = "after",
                                  .value = Value::text,
                                  .metavar = "ID",
                                  .help = "begin behind this message"},
                                 output_option(),
                                 server_option()},
                     .examples = {{"geminga topics peek orders -n 5", "the five oldest"}},
                     .run = peek}}};
}

}  // namespace geminga::cli
