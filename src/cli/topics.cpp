#include <chrono>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/partition_name.hpp"
#include "cli/message_json.hpp"
#include "cli/output.hpp"
#include "cli/policies.hpp"
#include "cli/remote.hpp"
#include "cli/verb.hpp"

namespace geminga::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::chrono::milliseconds kLookEvery{100};

std::string with_topic(std::string_view path, const std::string& topic) {
  return fmt::format("{}?topic={}", path, url_encoded(topic));
}

std::expected<ordered_json, Failure> stats_of(Remote& remote, const std::string& topic) {
  return remote.get(with_topic("/api/bus/stats", topic));
}

std::uint64_t count(const ordered_json& object, const char* key) {
  return object.value(key, std::uint64_t{0});
}

std::string partitions_text(const ordered_json& stats) {
  return stats.contains("partitions") ? std::to_string(count(stats, "partitions")) : "-";
}

/// What a list shows: a partitioned topic instead of its partitions, which `show --partitions` has.
std::set<std::string> without_partitions(const ordered_json& answer) {
  std::set<std::string> names;
  for (const auto& topic : answer.value("topics", std::vector<std::string>())) names.insert(topic);
  for (const auto& whole : answer.value("partitioned", ordered_json::array())) {
    const std::string name = whole.value("topic", "");
    for (std::uint64_t i = 0; i < count(whole, "partitions"); ++i)
      names.erase(base::partition_name(name, static_cast<std::uint32_t>(i)));
    names.insert(name);
  }
  return names;
}

// --- list
// ----------------------------------------------------------------------------------------------------

Outcome list(const Arguments& arguments) {
  Remote remote(arguments);
  std::string path = "/api/bus/topics";
  if (arguments.has("namespace")) path += "?namespace=" + url_encoded(arguments.text("namespace"));
  GEMINGA_CLI_TRY(const ordered_json answer, remote.get(path));
  Table table({"TOPIC", "PARTITIONS", "STORED", "BYTES", "SUBSCRIPTIONS", "BACKLOG"});
  for (const auto& topic : without_partitions(answer)) {
    GEMINGA_CLI_TRY(const ordered_json stats, stats_of(remote, topic));
    if (wants_json(arguments)) {
      print_json(stats);
      continue;
    }
    std::uint64_t backlog = 0;
    const auto subscriptions = stats.value("subscriptions", ordered_json::array());
    for (const auto& subscription : subscriptions) backlog += count(subscription, "backlog");
    table.add({topic, partitions_text(stats), std::to_string(count(stats, "stored_messages")),
               std::to_string(count(stats, "stored_bytes")), std::to_string(subscriptions.size()),
               std::to_string(backlog)});
  }
  if (!wants_json(arguments)) table.print();
  return {};
}

// --- show, create, delete, peek
// ------------------------------------------------------------------------------

void print_partitions(const ordered_json& stats) {
  Table table({"PARTITION", "STORED", "BYTES", "BACKLOG", "LAST ID"});
  for (const auto& each : stats.value("per_partition", ordered_json::array())) {
    std::uint64_t backlog = 0;
    for (const auto& subscription : each.value("subscriptions", ordered_json::array()))
      backlog += count(subscription, "backlog");
    table.add({each.value("topic", ""), std::to_string(count(each, "stored_messages")),
               std::to_string(count(each, "stored_bytes")), std::to_string(backlog),
               each.value("last_message_id", "-")});
  }
  print_line("");
  if (!table.empty()) table.print();
}

std::string compaction_in_words(const ordered_json& compaction) {
  std::string words = compaction.value("state", "");
  if (words == "running") words += fmt::format(", {} %", count(compaction, "percent"));
  if (const std::string failure = compaction.value("failure", ""); !failure.empty()) words += ": " + failure;
  const auto horizon = compaction.find("horizon");
  if (horizon == compaction.end() || !horizon->is_string()) return words;
  return fmt::format("{}; {} messages, {} bytes stand for all up to {}", words, count(compaction, "messages"),
                     count(compaction, "bytes"), horizon->get<std::string>());
}

Outcome show(const Arguments& arguments) {
  Remote remote(arguments);
  GEMINGA_CLI_TRY(const ordered_json stats, stats_of(remote, arguments.text("TOPIC")));
  if (wants_json(arguments)) {
    print_json(stats);
    return {};
  }
  for (const auto& [name, value] : stats.items()) {
    if (value.is_array()) continue;
    const std::string plain = value.is_string() ? value.get<std::string>() : value.dump();
    print_line(fmt::format("{:<17}{}", name, value.is_object() ? compaction_in_words(value) : plain));
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
  if (arguments.has("partitions")) print_partitions(stats);
  return {};
}

Outcome create(const Arguments& arguments) {
  Remote remote(arguments);
  ordered_json wanted{{"topic", arguments.text("TOPIC")}};
  if (arguments.has("partitions")) wanted["partitions"] = arguments.number("partitions", 0);
  GEMINGA_CLI_TRY(const ordered_json made, remote.post("/api/bus/topics", wanted));
  if (wants_json(arguments))
    print_json(made);
  else
    print_line(made.value("topic", ""));
  return {};
}

Outcome update_partitions(const Arguments& arguments) {
  if (!arguments.has("partitions")) return usage("--partitions is needed: how many there shall be");
  Remote remote(arguments);
  const ordered_json wanted{{"topic", arguments.text("TOPIC")},
                            {"partitions", arguments.number("partitions", 0)}};
  GEMINGA_CLI_TRY(
      const Reply reply,
      remote.send({.method = "POST", .path = "/api/bus/topics/partitions", .body = wanted.dump()}));
  if (!reply.good()) return std::unexpected(failure_of(reply));
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

bool under_way(const ordered_json& compaction) {
  const std::string state = compaction.value("state", "");
  return state == "waiting" || state == "running";
}

Outcome wait_for_compaction(const Arguments& arguments, Remote& remote) {
  Progress progress("compacting", 100);
  for (;;) {
    GEMINGA_CLI_TRY(const ordered_json stats, stats_of(remote, arguments.text("TOPIC")));
    const ordered_json compaction = stats.value("compaction", ordered_json::object());
    if (!under_way(compaction)) {
      progress.make_room();
      if (const std::string failure = compaction.value("failure", ""); !failure.empty())
        return failed(failure);
      if (wants_json(arguments)) {
        print_json(compaction);
      } else {
        print_line(
            fmt::format("{} messages, {} bytes", count(compaction, "messages"), count(compaction, "bytes")));
      }
      return {};
    }
    progress.show(count(compaction, "percent"), compaction.value("state", ""));
    std::this_thread::sleep_for(kLookEvery);
  }
}

Outcome compact(const Arguments& arguments) {
  Remote remote(arguments);
  GEMINGA_CLI_TRY(const ordered_json begun,
                  remote.post("/api/bus/topics/compaction", {{"topic", arguments.text("TOPIC")}}));
  if (arguments.has("wait")) return wait_for_compaction(arguments, remote);
  if (wants_json(arguments)) print_json(begun);
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
                                 server_option(),
                                 token_option()},
                     .run = list},
                    {.name = "show",
                     .summary = "one topic with its subscriptions and their backlog",
                     .positionals = {kTopic},
                     .options = {{.name = "partitions", .help = "and what each of its partitions holds"},
                                 output_option(),
                                 server_option(),
                                 token_option()},
                     .run = show},
                    {.name = "create",
                     .summary = "make a topic",
                     .positionals = {kTopic},
                     .options = {{.name = "partitions",
                                  .value = Value::number,
                                  .metavar = "N",
                                  .help = "with so many partitions (1 to 10000); without it a plain one"},
                                 output_option(),
                                 server_option(),
                                 token_option()},
                     .examples = {{"geminga topics create orders --partitions 4", "four lists, by key"}},
                     .run = create},
                    {.name = "update-partitions",
                     .summary = "give a partitioned topic more partitions, while clients run",
                     .positionals = {kTopic},
                     .options = {{.name = "partitions",
                                  .value = Value::number,
                                  .metavar = "N",
                                  .help = "how many there shall be; never fewer than now"},
                                 server_option(),
                                 token_option()},
                     .examples = {{"geminga topics update-partitions orders --partitions 8",
                                   "new messages of a key may go elsewhere than older ones"}},
                     .run = update_partitions},
                    {.name = "delete",
                     .summary = "delete a topic with its partitions and everything in it",
                     .positionals = {kTopic},
                     .options = {{.name = "force", .help = "even with consumers or producers connected"},
                                 server_option(),
                                 token_option()},
                     .run = remove},
                    {.name = "terminate",
                     .summary = "let a topic take no more messages, for good; prints the id of its last one",
                     .about = "Consumers go on until they have all of it. There is no way back.",
                     .positionals = {kTopic},
                     .options = {output_option(), server_option(), token_option()},
                     .run = terminate},
                    {.name = "compact",
                     .summary = "keep the last message of each key for who reads compacted",
                     .about = "Messages without a key stay, a key whose last message is empty goes. Who does "
                              "not read compacted gets all that retention keeps, as before.",
                     .positionals = {kTopic},
                     .options = {{.name = "wait", .help = "until it is done, and say what is left"},
                                 output_option(),
                                 server_option(),
                                 token_option()},
                     .examples = {{"geminga topics compact prices --wait",
                                   "then: geminga consume prices -s me "
                                   "--from earliest --read-compacted"}},
                     .run = compact},
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
                                 server_option(),
                                 token_option()},
                     .examples = {{"geminga topics peek orders -n 5", "the five oldest"}},
                     .run = peek}}};
}

}  // namespace geminga::cli
