#include <atomic>
#include <csignal>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/clock.hpp"
#include "cli/bus_link.hpp"
#include "cli/message_json.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"

namespace geminga::cli {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

void print_message(const Message& message, bool json) {
  if (json) {
    print_json(message_json(message));
    return;
  }
  print_text(message.body);
  print_line("");
}

/// Prints, then settles: a message whose line could not be written comes again.
Outcome settle(LinkConsumer& consumer, const Message& message, const Arguments& arguments,
               std::uint64_t number) {
  const std::uint64_t every = arguments.number("nack-every", 0);
  print_message(message, wants_json(arguments));
  if (auto written = all_written(); !written) return written;
  if (every != 0 && number % every == 0) return consumer.hand_back();
  return consumer.acknowledge();
}

Outcome consume_all(LinkConsumer& consumer, const Arguments& arguments) {
  const std::uint64_t wanted = arguments.number("count", std::numeric_limits<std::uint64_t>::max());
  const auto patience = arguments.duration("timeout", std::chrono::milliseconds::zero());
  auto last = std::chrono::steady_clock::now();
  for (std::uint64_t number = 0; number < wanted && !interrupted;) {
    GEMINGA_CLI_TRY(const auto message, consumer.receive(std::chrono::milliseconds{200}));
    if (message) {
      if (auto settled = settle(consumer, *message, arguments, ++number); !settled) return settled;
      last = std::chrono::steady_clock::now();
    } else if (consumer.ended()) {
      if (!arguments.has("count")) return {};
      return failed(fmt::format("the topic was terminated: {} of {} messages came", number, wanted));
    } else if (patience.count() > 0 && std::chrono::steady_clock::now() - last > patience) {
      return failed(fmt::format("no message for {}", human_duration(static_cast<double>(patience.count()))));
    }
  }
  return {};
}

LinkConsumerOptions options_of(const Arguments& arguments) {
  const std::string type = arguments.text("type", "exclusive");
  return {.topic = arguments.text("TOPIC"),
          .subscription = arguments.text("subscription"),
          .type = type == "shared"       ? SubscriptionType::shared
                  : type == "failover"   ? SubscriptionType::failover
                  : type == "key_shared" ? SubscriptionType::key_shared
                                         : SubscriptionType::exclusive,
          .from = arguments.text("from", "latest") == "earliest" ? InitialPosition::earliest
                                                                 : InitialPosition::latest,
          .priority = static_cast<std::uint32_t>(arguments.number("priority", 0)),
          .read_compacted = arguments.has("read-compacted")};
}

Outcome run(const Arguments& arguments) {
  if (arguments.text("TOPIC").empty()) return usage("the topic is empty; name one, for example orders");
  if (arguments.text("subscription").empty())
    return usage("a subscription is needed: -s NAME; it keeps your position in the topic");
  GEMINGA_CLI_TRY(const auto link, open_link(arguments));
  std::signal(SIGINT, [](int) { interrupted = true; });
  std::signal(SIGTERM, [](int) { interrupted = true; });
  GEMINGA_CLI_TRY(const auto consumer, link->subscribe(options_of(arguments)));
  const Outcome consumed = consume_all(*consumer, arguments);
  const Outcome closed = consumer->close();
  const Outcome link_closed = link->close();
  if (!consumed) return consumed;
  return closed ? link_closed : closed;
}

}  // namespace

Verb consume_verb() {
  return {.name = "consume",
          .summary = "take messages from a subscription and print them",
          .about =
              "Each message is acknowledged after it was printed; what is not acknowledged comes again. "
              "Ctrl-C ends, and so does a topic that was terminated when all of it is consumed.",
          .positionals = {{.name = "TOPIC", .help = "orders, or persistent://tenant/namespace/orders"}},
          .options = {{.name = "subscription",
                       .letter = 's',
                       .value = Value::text,
                       .metavar = "NAME",
                       .help = "keeps your position in the topic; needed"},
                      {.name = "type",
                       .value = Value::choice,
                       .metavar = "TYPE",
                       .help = "how several consumers share it (exclusive)",
                       .choices = {"exclusive", "shared", "failover", "key_shared"}},
                      {.name = "priority",
                       .value = Value::number,
                       .metavar = "N",
                       .help = "lower comes first: active on failover, served first on shared (0)"},
                      {.name = "from",
                       .value = Value::choice,
                       .metavar = "WHERE",
                       .help = "where a new subscription begins (latest)",
                       .choices = {"earliest", "latest"}},
                      {.name = "read-compacted",
                       .help = "of what was compacted the last message of each key; exclusive and failover"},
                      {.name = "count",
                       .letter = 'n',
                       .value = Value::number,
                       .metavar = "N",
                       .help = "end after so many"},
                      {.name = "timeout",
                       .value = Value::duration,
                       .metavar = "TIME",
                       .help = "end with exit code 1 when none comes for so long (wait for ever)"},
                      {.name = "nack-every",
                       .value = Value::number,
                       .metavar = "K",
                       .help = "hand back every K-th message, to see it come again"},
                      url_option(),
                      output_option(),
                      server_option(),
                      token_option()},
          .examples = {{"geminga consume orders -s billing --from earliest",
                        "everything that is there, then what comes"},
                       {"geminga consume orders -s billing -n 10 -o json", "ten, one object a line"}},
          .run = run};
}

}  // namespace geminga::cli
