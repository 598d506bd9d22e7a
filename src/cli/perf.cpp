#include <atomic>
#include <charconv>
#include <csignal>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/output.hpp"
#include "cli/perf_load.hpp"
#include "cli/remote.hpp"

namespace geminga::cli {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

using Load = Result<LoadReport> (*)(Bus&, const LoadPlan&, const Watch&);

// --- what was asked for
// ------------------------------------------------------------------------------------------

std::expected<std::uint64_t, Failure> above_zero(const Arguments& arguments, std::string_view option) {
  const std::uint64_t number = arguments.number(option, 0);
  if (number == 0) return usage(fmt::format("--{} 0 measures nothing; give 1 or more", option));
  return number;
}

std::expected<std::optional<std::uint64_t>, Failure> rate_of(const Arguments& arguments) {
  const std::string text = arguments.text("rate", "max");
  if (text == "max") return std::nullopt;
  std::uint64_t rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (error != std::errc{} || end != text.data() + text.size() || rate == 0)
    return usage(fmt::format("'{}' is no rate; give messages a second, 1 or more, or max", text));
  return rate;
}

std::expected<LoadPlan, Failure> plan_of(const Arguments& arguments) {
  LoadPlan plan{.topic = arguments.text("topic", "perf")};
  if (plan.topic.empty()) return usage("the topic is empty; name one, for example --topic perf");
  if (arguments.has("size")) plan.body_bytes = arguments.number("size", 0);
  plan.time = arguments.duration("time", plan.time);
  if (plan.time.count() == 0) return usage("--time 0 measures nothing; give for example 10s");
  GEMINGA_CLI_TRY(plan.rate, rate_of(arguments));
  if (arguments.has("count")) {
    GEMINGA_CLI_TRY(plan.count, above_zero(arguments, "count"));
  }
  return plan;
}

std::expected<LoadPlan, Failure> sending_plan_of(const Arguments& arguments) {
  GEMINGA_CLI_TRY(LoadPlan plan, plan_of(arguments));
  if (arguments.has("in-flight")) {
    GEMINGA_CLI_TRY(const std::uint64_t in_flight, above_zero(arguments, "in-flight"));
    plan.in_flight = static_cast<std::uint32_t>(std::min<std::uint64_t>(in_flight, 1'000'000));
  }
  return plan;
}

std::expected<Bus, Failure> open_bus(const Arguments& arguments) {
  if (!arguments.has("url"))
    return usage(
        "which bus? name it, for example --url embedded:./perf-data (a directory that no serve holds)");
  auto bus = Bus::open(arguments.text("url"));
  if (!bus) return failed(bus.error());
  return *std::move(bus);
}

// --- what came of it
// ---------------------------------------------------------------------------------------------

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

constexpr std::pair<std::string_view, double> kPercentiles[] = {
    {"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};

struct Rates {
  explicit Rates(const LoadReport& report) : seconds(std::chrono::duration<double>(report.took).count()) {
    if (seconds <= 0) return;
    messages = static_cast<double>(report.messages) / seconds;
    megabytes = static_cast<double>(report.bytes) / seconds / 1e6;
  }
  double seconds = 0;
  double messages = 0;  ///< a second
  double megabytes = 0;
};

void print_report_json(std::string_view load, const Bus& bus, const LoadPlan& plan,
                       const LoadReport& report) {
  const Rates rates(report);
  nlohmann::ordered_json latency;
  for (const auto& [name, part] : kPercentiles)
    latency[std::string(name)] = milliseconds(report.latency.at(part));
  nlohmann::ordered_json line{{"load", load}, {"url", bus.url()}, {"topic", plan.topic}};
  if (plan.rate)
    line["rate"] = *plan.rate;
  else
    line["rate"] = "max";
  line["messages"] = report.messages;
  line["failed"] = report.failed;
  line["bytes"] = report.bytes;
  line["seconds"] = rates.seconds;
  line["messages_per_second"] = rates.messages;
  line["mb_per_second"] = rates.megabytes;
  line["latency_ms"] = std::move(latency);
  print_json(line);
}

void print_report_text(std::string_view done, const LoadReport& report) {
  const Rates rates(report);
  print_line(fmt::format("{} {} messages in {:.1f} s: {:.0f} msg/s, {:.1f} MB/s", done, report.messages,
                         rates.seconds, rates.messages, rates.megabytes));
  std::string latency = "latency";
  for (const auto& [name, part] : kPercentiles)
    latency += fmt::format("  {} {:.3f} ms", name, milliseconds(report.latency.at(part)));
  print_line(latency);
}

Outcome judge(const LoadPlan& plan, const LoadReport& report) {
  if (report.first_failure) {
    Failure failure(*report.first_failure);
    failure.text = fmt::format("{} of {} messages failed; the first: {}", report.failed,
                               report.failed + report.messages, failure.text);
    return std::unexpected(std::move(failure));
  }
  if (report.messages == 0)
    return failed(
        fmt::format("no message went through {} in {}; for consume, `geminga perf produce` fills it",
                    plan.topic, human_duration(static_cast<double>(plan.time.count()))));
  return {};
}

/// A bar in seconds with the rate of the last moment in front.
Watch watch_on(Progress& progress) {
  using Clock = std::chrono::steady_clock;
  return [&progress, begun = Clock::now(), last = Clock::now(),
          before = std::uint64_t{0}](std::uint64_t messages) mutable {
    const auto now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - last).count();
    const double rate = seconds > 0 ? static_cast<double>(messages - before) / seconds : 0;
    progress.show(static_cast<std::uint64_t>(std::chrono::duration<double>(now - begun).count()),
                  fmt::format("{:>9.0f} msg/s", rate));
    last = now;
    before = messages;
    return !interrupted;
  };
}

Outcome measure(const Arguments& arguments, std::string_view name, std::string_view done,
                const LoadPlan& plan, Load load) {
  auto bus = open_bus(arguments);
  if (!bus) return std::unexpected(bus.error());
  std::signal(SIGINT, [](int) { interrupted = true; });
  std::signal(SIGTERM, [](int) { interrupted = true; });
  Result<LoadReport> report;
  {
    Progress progress("",
                      static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(plan.time).count()));
    report = load(*bus, plan, watch_on(progress));
  }
  const auto closed = bus->close();
  if (!report && report.error().code == ErrorCode::invalid_argument) return usage(report.error().message);
  if (!report) return failed(report.error());
  if (wants_json(arguments))
    print_report_json(name, *bus, plan, *report);
  else
    print_report_text(done, *report);
  if (auto good = judge(plan, *report); !good) return good;
  return closed ? Outcome{} : failed(closed.error());
}

Outcome run_produce(const Arguments& arguments) {
  GEMINGA_CLI_TRY(const LoadPlan plan, sending_plan_of(arguments));
  return measure(arguments, "produce", "published", plan, load_produce);
}

Outcome run_consume(const Arguments& arguments) {
  GEMINGA_CLI_TRY(const LoadPlan plan, plan_of(arguments));
  return measure(arguments, "consume", "received", plan, load_consume);
}

Outcome run_e2e(const Arguments& arguments) {
  GEMINGA_CLI_TRY(const LoadPlan plan, sending_plan_of(arguments));
  if (plan.body_bytes && *plan.body_bytes < kStampBytes)
    return usage(fmt::format(
        "e2e needs a --size of {} bytes or more: the time of sending stands in the message", kStampBytes));
  return measure(arguments, "e2e", "published and received", plan, load_e2e);
}

// --- the verbs
// ---------------------------------------------------------------------------------------------------

std::vector<Option> options(std::string size_help, bool sends) {
  std::vector<Option> all{
      {.name = "url",
       .value = Value::endpoint,
       .metavar = "URL",
       .help = "the bus to measure: embedded:DIR (a directory that no serve holds); needed"},
      {.name = "topic", .value = Value::text, .metavar = "T", .help = "where (perf); made if it is missing"},
      {.name = "size", .value = Value::number, .metavar = "BYTES", .help = std::move(size_help)},
      {.name = "rate",
       .value = Value::text,
       .metavar = "R|max",
       .help = "messages a second, or as fast as it goes (max)"},
      {.name = "time", .value = Value::duration, .metavar = "S", .help = "how long (10s)"},
      {.name = "count",
       .letter = 'n',
       .value = Value::number,
       .metavar = "N",
       .help = "end after so many messages, if that comes first"}};
  if (sends)
    all.push_back({.name = "in-flight",
                   .value = Value::number,
                   .metavar = "N",
                   .help = "at most so many sent and not acknowledged (10000); 1: one after the other"});
  all.push_back(output_option());
  return all;
}

}  // namespace

Verb perf_verb() {
  return {
      .name = "perf",
      .summary = "measure a bus: rates and latencies",
      .about =
          "Latency counts from the time at which a message was to be sent, so a bus that falls behind "
          "--rate shows it. Ctrl-C ends early; what was measured is printed.",
      .examples = {{"geminga perf produce --url embedded:./perf-data", "how fast it takes messages"},
                   {"geminga perf consume --url embedded:./perf-data", "how fast it gives them back"},
                   {"geminga perf e2e --url embedded:./perf-data --rate 1000", "from sender to receiver"}},
      .verbs = {{.name = "produce",
                 .summary = "publish, and measure from send to durable acknowledgement",
                 .options = options("of a message (1024)", true),
                 .examples = {{"geminga perf produce --url embedded:./perf-data --in-flight 1",
                               "what one durable message costs"}},
                 .run = run_produce},
                {.name = "consume",
                 .summary = "receive and acknowledge from the earliest on",
                 .about = "With a subscription of its own, which is removed at the end. Latency is the time "
                          "from send to receipt: the age of a message that has lain there. What all "
                          "subscriptions have acknowledged is deleted as the topic's retention says.",
                 .options = options("another size is an error (any size is fine)", false),
                 .examples = {{"geminga perf consume --url embedded:./perf-data -n 1000000 -o json",
                               "a million, as JSON"}},
                 .run = run_consume},
                {.name = "e2e",
                 .summary = "both at once, and measure from send to receipt",
                 .options = options("of a message (1024)", true),
                 .examples = {{"geminga perf e2e --url embedded:./perf-data --rate 1000 --time 30s",
                               "the latency at a rate"}},
                 .run = run_e2e}}};
}

}  // namespace geminga::cli
