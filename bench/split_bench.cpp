// What it costs that a topic lives on another core than the connection that uses it. A connection is played
// by tasks on the event loop of the first core: it publishes durably with a window, gets every message by a
// subscription and acknowledges it. It does so with a topic of its own core and with one of the other, in
// turn. Prints JSON: the median of both rates, and their ratio.
#include <algorithm>
#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "broker/broker.hpp"
#include "broker/raw_message.hpp"
#include "broker/topic.hpp"
#include "measure.hpp"

namespace {

using namespace geminga;
using namespace geminga::bench;

struct Settings {
  std::string directory = ".";
  double seconds = 5;
  std::size_t body_bytes = 1024;
  std::uint64_t window = 4'000;
  std::uint64_t burst = 100;  ///< what a read of a socket brings
  std::size_t runs = 5;
};

/// The value that `start(done)` is answered with.
template <class T, class Start>
T answer_of(Start start) {
  std::promise<Result<T>> promise;
  start([&promise](Result<T> result) { promise.set_value(std::move(result)); });
  return need(promise.get_future().get());
}

/// Everything but the counters is touched on `loop` only.
class Connection final : public broker::DeliverySink, public std::enable_shared_from_this<Connection> {
 public:
  Connection(base::EventLoop& loop, const Settings& settings)
      : loop_(loop),
        settings_(settings),
        sample_(broker::encode_raw({.body = std::string(settings.body_bytes, 'x')}, "", Timestamp{})) {}

  void begin(broker::Broker& broker, const broker::TopicPtr& topic) {
    producer_ = answer_of<broker::ProducerPtr>(
        [&](auto done) { broker.create_producer(topic, {}, std::move(done)); });
    consumer_ = answer_of<broker::ConsumerPtr>([&](auto done) {
      broker.subscribe(topic,
                       {.subscription = "bench",
                        .type = SubscriptionType::shared,
                        .initial_position = InitialPosition::earliest,
                        .permits = {.messages = 10'000, .bytes = 64ULL << 20}},
                       shared_from_this(), std::move(done));
    });
    loop_.post([self = shared_from_this()] { self->publish(); });
  }

  /// Publishes no more, waits for the rest, and lets go of the topic.
  void end() {
    stopped_ = true;
    while (settled_ < sent_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    loop_.run([] {});
    answer_of<void>([this](auto done) { consumer_->close(std::move(done)); });
    answer_of<void>([this](auto done) { producer_->close(std::move(done)); });
  }
  [[nodiscard]] std::uint64_t settled() const { return settled_; }

  void on_entries(std::vector<broker::Delivered> entries) override {
    if (loop_.here()) return take(entries);
    loop_.post([self = shared_from_this(), entries = std::move(entries)] { self->take(entries); });
  }
  void on_closed(Error reason) override {
    fmt::print(stderr, "split_bench: {}\n", reason.message);
    std::exit(1);
  }

 private:
  void publish() {
    do {
      while (has_room()) send_burst();
      waits_ = true;
    } while (has_room() &&
             waits_.exchange(false));  // receipts may have come before it was said that it waits
  }
  [[nodiscard]] bool has_room() const {
    return !stopped_ && sent_ + settings_.burst <= settings_.window + durable_;
  }
  void send_burst() {
    for (std::uint64_t i = 0; i < settings_.burst; ++i) {
      producer_->publish({sample_}, [self = shared_from_this()](const Result<std::vector<MessageId>>& ids) {
        if (!ids) self->on_closed(ids.error());
        self->receipt();
      });
    }
    sent_ += settings_.burst;
  }
  /// On the journal's thread.
  void receipt() {
    ++durable_;
    if (durable_ % settings_.burst == 0 && waits_.exchange(false))
      loop_.post([self = shared_from_this()] { self->publish(); });
  }
  void take(const std::vector<broker::Delivered>& entries) {
    broker::Acknowledgement all;
    broker::Permits more{.messages = static_cast<std::uint32_t>(entries.size())};
    for (const broker::Delivered& one : entries) {
      all.entries.push_back(one.entry.header.entry);
      more.bytes += broker::permit_bytes(one.entry);
    }
    consumer_->acknowledge(std::move(all),
                           [self = shared_from_this(), count = entries.size()](const Result<>& durable) {
                             if (!durable) self->on_closed(durable.error());
                             self->settled_ += count;
                           });
    consumer_->flow(more);
  }

  base::EventLoop& loop_;
  const Settings& settings_;
  const storage::Append sample_;
  broker::ProducerPtr producer_;
  broker::ConsumerPtr consumer_;
  std::atomic<bool> stopped_{false}, waits_{false};
  std::atomic<std::uint64_t> sent_{0}, durable_{0}, settled_{0};
};

struct Rate {
  double per_second = 0, cpu_us_each = 0;
};

Rate rate(broker::Broker& broker, base::EventLoop& connection_loop, const broker::TopicPtr& topic,
          const Settings& settings) {
  const auto connection = std::make_shared<Connection>(connection_loop, settings);
  connection->begin(broker, topic);
  const auto pause = std::chrono::duration<double>(settings.seconds);
  std::this_thread::sleep_for(pause / 5);  // what is new is slow
  const auto begin = Clock::now();
  const double cpu = cpu_seconds();
  const std::uint64_t before = connection->settled();
  std::this_thread::sleep_for(pause);
  const auto settled = static_cast<double>(connection->settled() - before);
  const Rate result{.per_second = settled / since(begin),
                    .cpu_us_each = (cpu_seconds() - cpu) / settled * 1e6};
  connection->end();
  return result;
}

nlohmann::ordered_json median(std::vector<Rate> rates) {
  std::ranges::sort(rates, {}, &Rate::per_second);
  const Rate middle = rates[rates.size() / 2];
  return {{"per_second", middle.per_second},
          {"least", rates.front().per_second},
          {"most", rates.back().per_second},
          {"cpu_us_each", middle.cpu_us_each}};
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app{"A connection and its topic on one core, and on two"};
  app.add_option("directory", settings.directory, "an empty directory")->required();
  app.add_option("--seconds", settings.seconds, "of each run")->capture_default_str();
  app.add_option("--runs", settings.runs, "of each kind, in turn")->capture_default_str();
  app.add_option("--body-bytes", settings.body_bytes)->capture_default_str();
  app.add_option("--window", settings.window, "messages that are published and not durable")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  auto broker = need(broker::Broker::open({.directory = settings.directory, .cores = 2}));
  std::vector<broker::TopicPtr> topics;  // one each of core 0 and core 1, for ids are given in turn
  for (const char* name : {"persistent://public/default/a", "persistent://public/default/b"}) {
    topics.push_back(
        answer_of<broker::TopicPtr>([&](auto done) { broker->open_topic(name, true, std::move(done)); }));
  }
  base::EventLoop& loop = topics[0]->core().loop;
  if (&loop == &topics[1]->core().loop) {
    fmt::print(stderr, "split_bench: both topics are on one core\n");
    return 1;
  }
  std::vector<Rate> same;
  std::vector<Rate> other;
  for (std::size_t i = 0; i < settings.runs; ++i) {
    same.push_back(rate(*broker, loop, topics[0], settings));
    other.push_back(rate(*broker, loop, topics[1], settings));
  }
  topics.clear();
  need(broker->close());
  const auto one = median(same);
  const auto two = median(other);
  const double ratio = two["per_second"].get<double>() / one["per_second"].get<double>();
  fmt::print("{}\n",
             nlohmann::ordered_json{{"same_core", one}, {"other_core", two}, {"ratio", ratio}}.dump());
  return 0;
}
