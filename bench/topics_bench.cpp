// Many topics, and starts with much to read: each verb is a process of its own, so that memory and times of
// starts are those of nothing else. Prints one line of JSON.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>

#include <geminga/bus.hpp>

#include "base/crc32c.hpp"
#include "broker/broker.hpp"
#include "engines/embedded/embedded.hpp"
#include "measure.hpp"

namespace {

using namespace geminga;
using namespace geminga::bench;
using json = nlohmann::ordered_json;

struct Settings {
  std::string directory;
  std::uint32_t topics = 1;
  bool used = false;
  std::uint32_t per_second = 100'000;
  double seconds = 10;
  std::size_t body_bytes = 100;
  std::uint64_t journal_mib = 1024;
  std::uint32_t subscriptions = 10'000;
};

std::string name_of(std::uint32_t topic) {
  return fmt::format("persistent://public/bench/topic-{}", topic);
}

/// At most `most` of something at once.
class InFlight {
 public:
  explicit InFlight(std::uint64_t most) : most_(most) {}
  void begin() {
    for (std::uint64_t now = count_; now >= most_; now = count_) count_.wait(now);
    ++count_;
  }
  void end() {
    --count_;
    count_.notify_all();
  }
  void wait_for_all() {
    for (std::uint64_t now = count_; now > 0; now = count_) count_.wait(now);
  }

 private:
  const std::uint64_t most_;
  std::atomic<std::uint64_t> count_{0};
};

/// Makes topics, all with as many requests at once as a program would; `used`: each with a subscription that
/// has one message to come.
json create(const Settings& settings) {
  const auto broker = need(broker::Broker::open({.directory = settings.directory}));
  InFlight requests(1'000);
  std::atomic<std::uint64_t> failed{0};
  const auto end = [&](const auto& result) {
    if (!result) ++failed;
    requests.end();
  };
  const auto publish = [&, body = std::string(settings.body_bytes, 'm')](const broker::TopicPtr& topic) {
    storage::Append append{.topic = topic_id(*topic), .deliver_at = {}, .body = body};
    append.body_crc = base::crc32c(append.body);
    std::vector<broker::Publication> one;
    one.push_back({.topic = topic, .append = std::move(append)});
    broker->publish(std::move(one), end);
  };
  const auto begin = Clock::now();
  for (std::uint32_t topic = 0; topic < settings.topics; ++topic) {
    requests.begin();
    broker->open_topic(name_of(topic), true, [&](const Result<broker::TopicPtr>& opened) {
      if (!opened || !settings.used) return end(opened);
      broker->create_subscription(*opened, "only", InitialPosition::earliest,
                                  [&, topic = *opened](const Result<>& made) {
                                    if (!made) return end(made);
                                    publish(topic);
                                  });
    });
  }
  requests.wait_for_all();
  const double took = since(begin);
  need(broker->close());
  return {{"topics", settings.topics}, {"failed", failed.load()}, {"seconds", took}};
}

json start(const Settings& settings) {
  const double before = resident_mib();
  const auto begin = Clock::now();
  const auto broker = need(broker::Broker::open({.directory = settings.directory}));
  const double took = since(begin);
  json report{{"seconds", took},
              {"resident_mib", resident_mib()},
              {"resident_before_mib", before},
              {"open_files", open_files()},
              {"topics", broker->broker_stats().topics}};
  need(broker->close());
  return report;
}

/// A fixed rate, spread over the topics in turn; what it costs in processor time.
json publish(const Settings& settings) {
  auto bus = need(Bus::open("embedded:" + settings.directory));
  std::vector<Producer> producers;
  producers.reserve(settings.topics);
  for (std::uint32_t topic = 0; topic < settings.topics; ++topic)
    producers.push_back(
        need(bus.create_producer({.topic = name_of(topic), .max_pending_messages = 100'000})));
  const std::string body(settings.body_bytes, 'm');
  std::atomic<std::uint64_t> durable{0};
  std::atomic<std::uint64_t> failed{0};
  const double cpu_before = cpu_seconds();
  const auto begin = Clock::now();
  std::uint64_t sent = 0;
  for (double now = 0; now < settings.seconds; now = since(begin)) {
    const auto due = static_cast<std::uint64_t>(now * settings.per_second);
    for (; sent < due; ++sent) {
      producers[sent % settings.topics].send_async(
          {.body = body}, [&](const Result<MessageId>& id) { ++(id ? durable : failed); });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (Producer& producer : producers) need(producer.flush());
  const double took = since(begin);
  const double cpu = cpu_seconds() - cpu_before;
  json report{{"topics", settings.topics},
              {"messages", durable.load()},
              {"failed", failed.load()},
              {"per_second", static_cast<double>(durable) / took},
              {"cpu_us_per_message", cpu * 1e6 / static_cast<double>(durable)},
              {"open_files", open_files()},
              {"resident_mib", resident_mib()}};
  producers.clear();
  need(bus.close());
  return report;
}

/// Subscriptions of a topic set, all in turn over the topics; then one message to each topic, which all of
/// its subscriptions hold back.
json subscribe(const Settings& settings) {
  const auto broker = need(broker::Broker::open({.directory = settings.directory}));
  const double before = resident_mib();
  std::vector<broker::TopicPtr> topics(settings.topics);
  InFlight requests(1'000);
  std::atomic<std::uint64_t> failed{0};
  const auto end = [&](const auto& result) {
    if (!result) ++failed;
    requests.end();
  };
  for (std::uint32_t topic = 0; topic < settings.topics; ++topic) {
    requests.begin();
    broker->open_topic(name_of(topic), true, [&, topic](const Result<broker::TopicPtr>& opened) {
      if (opened) topics[topic] = *opened;
      end(opened);
    });
  }
  requests.wait_for_all();
  const auto begin = Clock::now();
  for (std::uint32_t i = 0; i < settings.subscriptions; ++i) {
    requests.begin();
    broker->create_subscription(topics[i % settings.topics], fmt::format("subscription-{}", i),
                                InitialPosition::earliest, end);
  }
  requests.wait_for_all();
  const double made = since(begin);
  for (const broker::TopicPtr& topic : topics) {
    requests.begin();
    std::vector<broker::Publication> one;
    storage::Append append{.topic = topic_id(*topic), .deliver_at = {}, .body = "m"};
    append.body_crc = base::crc32c(append.body);
    one.push_back({.topic = topic, .append = std::move(append)});
    broker->publish(std::move(one), end);
  }
  requests.wait_for_all();
  json report{{"topics", settings.topics},
              {"subscriptions", settings.subscriptions},
              {"failed", failed.load()},
              {"seconds", made},
              {"resident_mib", resident_mib()},
              {"resident_before_mib", before},
              {"backlog", broker->broker_stats().backlog}};
  topics.clear();
  need(broker->close());
  return report;
}

/// Leaves a journal of that size behind that no checkpoint covers, as a kill does.
json fill(const Settings& settings) {
  constexpr std::size_t kBody = 1024;
  const std::uint64_t bytes = settings.journal_mib << 20;
  const auto opened = need(engines::embedded::open({.directory = settings.directory,
                                                    .memory_table_bytes = bytes * 4,
                                                    .publish_budget_bytes = 64ULL << 20,
                                                    .journal_bytes_max = bytes * 8}));
  auto bus = opened.bus;
  auto producer = need(bus.create_producer({.topic = "recovery", .max_pending_messages = 20'000}));
  std::atomic<std::uint64_t> failed{0};
  const std::string body(kBody, 'm');
  for (std::uint64_t sent = 0; sent < bytes; sent += kBody) {
    producer.send_async({.body = body}, [&](const Result<MessageId>& id) {
      if (!id) ++failed;
    });
  }
  need(producer.flush());
  fmt::print("{}\n", json{{"journal_mib", opened.broker->broker_stats().log.journal_bytes >> 20},
                          {"failed", failed.load()}}
                         .dump());
  std::fflush(stdout);
  std::raise(SIGKILL);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Measures the embedded broker with many topics, and starts with much to read; prints JSON");
  app.require_subcommand(1);
  json (*run)(const Settings&) = nullptr;
  const auto verb = [&](const char* name, const char* what, json (*function)(const Settings&)) {
    CLI::App* added = app.add_subcommand(name, what)->callback([&run, function] { run = function; });
    added->add_option("directory", settings.directory, "the data directory")->required();
    return added;
  };
  CLI::App* make = verb("create", "make topics", create);
  make->add_option("--topics", settings.topics, "how many");
  make->add_flag("--used", settings.used, "with a subscription and a message each");
  verb("start", "open the directory and close it", start);
  CLI::App* steady = verb("publish", "publish at a fixed rate, to the topics in turn", publish);
  steady->add_option("--topics", settings.topics, "how many");
  steady->add_option("--rate", settings.per_second, "messages a second, all together");
  steady->add_option("--seconds", settings.seconds, "for how long");
  steady->add_option("--size", settings.body_bytes, "bytes of a message");
  CLI::App* groups = verb("subscribe", "make subscriptions, and a message that each has to come", subscribe);
  groups->add_option("--topics", settings.topics, "how many topics they are spread over");
  groups->add_option("--subscriptions", settings.subscriptions, "how many, all together");
  verb("fill", "fill the journal, then end by SIGKILL", fill)
      ->add_option("--journal", settings.journal_mib, "MiB");
  CLI11_PARSE(app, argc, argv);
  fmt::print("{}\n", run(settings).dump());
  return 0;
}
