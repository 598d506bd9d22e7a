#include <fstream>
#include <iostream>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/bus_link.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"

namespace geminga::cli {
namespace {

std::expected<Properties, Failure> properties_of(const Arguments& arguments) {
  Properties properties;
  for (const auto& pair : arguments.all("property")) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) return usage(fmt::format("'{}' is not NAME=VALUE", pair));
    properties[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return properties;
}

class Sender {
 public:
  Sender(BusLink& link, const Arguments& arguments, Properties properties)
      : link_(link),
        arguments_(arguments),
        topic_(arguments.text("TOPIC")),
        properties_(std::move(properties)) {}

  Outcome send(std::string body) {
    OutgoingMessage message{
        .body = std::move(body), .key = arguments_.text("key"), .properties = properties_};
    if (arguments_.has("delay")) message.deliver_after = arguments_.duration("delay", {});
    GEMINGA_CLI_TRY(const MessageId id, link_.send(topic_, std::move(message)));
    if (wants_json(arguments_)) {
      print_json({{"id", id.to_string()}, {"topic", topic_}});
    } else {
      print_line(id.to_string());
    }
    return {};
  }

 private:
  BusLink& link_;
  const Arguments& arguments_;
  const std::string topic_;
  const Properties properties_;
};

/// Each line is a message, as it comes, so that `tail -f | geminga produce` works.
Outcome send_lines(Sender& sender, std::istream& in) {
  Progress progress("sent", 0);
  for (std::string line; std::getline(in, line);) {
    if (auto sent = sender.send(line); !sent) return sent;
    progress.advance();
  }
  return {};
}

Outcome send_all(Sender& sender, const Arguments& arguments) {
  for (const auto& text : arguments.all("message")) {
    if (auto sent = sender.send(text); !sent) return sent;
  }
  if (arguments.has("file")) {
    std::ifstream in(arguments.text("file"), std::ios::binary);
    std::ostringstream body;
    if (!in || !(body << in.rdbuf()))
      return failed(fmt::format("cannot read {} (or it is empty)", arguments.text("file")));
    return sender.send(body.str());
  }
  return arguments.has("message") ? Outcome{} : send_lines(sender, std::cin);
}

Outcome run(const Arguments& arguments) {
  if (arguments.text("TOPIC").empty()) return usage("the topic is empty; name one, for example orders");
  if (arguments.has("message") && arguments.has("file"))
    return usage("--message and --file exclude each other");
  GEMINGA_CLI_TRY(Properties properties, properties_of(arguments));
  GEMINGA_CLI_TRY(const auto link, open_link(arguments));
  Sender sender(*link, arguments, std::move(properties));
  const Outcome sent = send_all(sender, arguments);
  const Outcome closed = link->close();
  return sent ? closed : sent;
}

}  // namespace

Verb produce_verb() {
  return {.name = "produce",
          .summary = "publish messages: texts, a file, or the lines of stdin",
          .about = "Prints the id of each message once it is durable. A topic that does not exist is made.",
          .positionals = {{.name = "TOPIC", .help = "orders, or persistent://tenant/namespace/orders"}},
          .options = {{.name = "message",
                       .letter = 'm',
                       .value = Value::text,
                       .metavar = "TEXT",
                       .help = "a message",
                       .repeatable = true},
                      {.name = "file",
                       .letter = 'f',
                       .value = Value::file,
                       .metavar = "FILE",
                       .help = "the whole file is one message"},
                      {.name = "key",
                       .letter = 'k',
                       .value = Value::text,
                       .metavar = "KEY",
                       .help = "same key, same order"},
                      {.name = "property",
                       .letter = 'P',
                       .value = Value::text,
                       .metavar = "NAME=VALUE",
                       .help = "sent with each message",
                       .repeatable = true},
                      {.name = "delay",
                       .value = Value::duration,
                       .metavar = "TIME",
                       .help = "delivered not before so long from now"},
                      url_option(),
                      output_option(),
                      server_option(),
                      token_option()},
          .examples = {{"geminga produce orders -m hello --key customer-7", "one message"},
                       {"tail -f app.log | geminga produce logs", "one for each line"},
                       {"geminga produce orders -m later --delay 5s", "comes in five seconds"},
                       {"geminga produce orders -m hello --url embedded:./data", "without a server"}},
          .run = run};
}

}  // namespace geminga::cli
