// Reads an embedded bus in this process through the public API and prints one line of JSON: what lies in the
// memory table ("tail") and what must come from the disk ("catch_up"), by a reader, and by a consumer that
// acknowledges each message. `backlog`: what a large backlog costs while a consumer is dead.
#include <atomic>
#include <filesystem>
#include <string>

#include <CLI/CLI.hpp>

#include <geminga/bus.hpp>

#include "base/await.hpp"
#include "broker/broker.hpp"
#include "engines/embedded/embedded.hpp"
#include "measure.hpp"
#include "storage/aligned_buffer.hpp"

namespace {

using namespace geminga;
using namespace geminga::bench;
using json = nlohmann::ordered_json;

struct Settings {
  std::string directory;
  std::size_t body_bytes = 1024;
  std::uint64_t tail = 20'000;
  std::uint64_t messages = 2'000'000;
  std::uint64_t backlog_mib = 5 << 10;
};

void publish(Bus& bus, const std::string& topic, std::uint64_t messages, std::size_t body_bytes) {
  auto producer = need(bus.create_producer({.topic = topic, .max_pending_messages = 10'000}));
  std::atomic<std::uint64_t> failed{0};
  const std::string body(body_bytes, 'm');
  for (std::uint64_t i = 0; i < messages; ++i) {
    producer.send_async({.body = body}, [&](const Result<MessageId>& id) {
      if (!id) ++failed;
    });
  }
  need(producer.flush());
  if (failed > 0) need<void>(fail(ErrorCode::internal, fmt::format("{} sends failed", failed.load())));
}

/// Else nothing holds the messages back, and they go.
void keep(Bus& bus, const std::string& topic) {
  need(bus.admin().create_topic(topic));
  need(bus.admin().create_subscription(topic, "keeps", InitialPosition::earliest));
}

json rate(std::uint64_t messages, double seconds) {
  return {{"messages", messages}, {"per_second", static_cast<double>(messages) / seconds}};
}

/// `rounds` readers, one after the other.
json read(Bus& bus, const std::string& topic, std::uint64_t messages, std::uint64_t rounds) {
  const auto begin = Clock::now();
  for (std::uint64_t round = 0; round < rounds; ++round) {
    auto reader = need(bus.create_reader(
        {.topic = topic, .start = InitialPosition::earliest, .receiver_queue_size = 10'000}));
    for (std::uint64_t i = 0; i < messages; ++i) need(reader.read(std::chrono::seconds(30)));
  }
  return rate(messages * rounds, since(begin));
}

/// `rounds` subscriptions; until the last acknowledgement is durable.
json consume(Bus& bus, const std::string& topic, std::uint64_t messages, std::uint64_t rounds) {
  const auto begin = Clock::now();
  for (std::uint64_t round = 0; round < rounds; ++round) {
    std::atomic<std::uint64_t> left{messages};
    auto consumer = need(bus.subscribe({.topic = topic,
                                        .subscription = fmt::format("round-{}", round),
                                        .initial_position = InitialPosition::earliest,
                                        .receiver_queue_size = 10'000}));
    for (std::uint64_t i = 0; i < messages; ++i) {
      need(consumer.receive(std::chrono::seconds(30))).ack_async([&](const Result<>& acknowledged) {
        need(acknowledged);
        if (--left == 0) left.notify_one();
      });
    }
    for (std::uint64_t now = left; now > 0; now = left) left.wait(now);
  }
  return rate(messages * rounds, since(begin));
}

/// What a door gets: entries as they were stored, of which it gives the permits back.
class Door final : public broker::DeliverySink {
 public:
  explicit Door(std::uint64_t messages) : left_(messages) {}
  void on_entries(std::vector<broker::Delivered> entries) override {
    broker::Permits back{.messages = static_cast<std::uint32_t>(entries.size())};
    for (const broker::Delivered& each : entries) back.bytes += broker::permit_bytes(each.entry);
    reader_.wait(nullptr);
    (*reader_.load())->flow(back);
    if (left_.fetch_sub(entries.size()) <= entries.size()) left_.notify_one();
  }
  void on_closed(Error reason) override { need<void>(std::unexpected(std::move(reason))); }
  void read_all(broker::ReaderPtr reader) {
    reader_ = &reader;
    reader_.notify_one();
    for (std::uint64_t now = left_; now > 0; now = left_) left_.wait(now);
    need(base::await<void>([&](auto done) { reader->close(broker::Done<void>(std::move(done))); },
                           std::chrono::seconds(30), "close"));
  }

 private:
  std::atomic<std::uint64_t> left_;
  std::atomic<broker::ReaderPtr*> reader_{nullptr};
};

json read_as_door(broker::Broker& broker, const std::string& topic, std::uint64_t messages,
                  std::uint64_t rounds) {
  const auto name = "persistent://public/default/" + topic;
  const auto opened = need(base::await<broker::TopicPtr>(
      [&](auto done) { broker.open_topic(name, false, broker::Done<broker::TopicPtr>(std::move(done))); },
      std::chrono::seconds(30), "open"));
  const auto begin = Clock::now();
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const auto door = std::make_shared<Door>(messages);
    door->read_all(need(base::await<broker::ReaderPtr>(
        [&](auto done) {
          broker.create_reader(opened, {.position = InitialPosition::earliest},
                               {.messages = 10'000, .bytes = 8 << 20}, door,
                               broker::Done<broker::ReaderPtr>(std::move(done)));
        },
        std::chrono::seconds(30), "read")));
  }
  return rate(messages * rounds, since(begin));
}

/// The floor of reading: the segments of the directory, one after the other, in the pieces in which the log
/// reads, around the page cache. Before the log reads them and behind it, since what lies under a virtual
/// disk may remember.
json read_segments(const Settings& settings, std::uint64_t messages) {
  constexpr std::size_t kPiece = 2 << 20;
  auto& files = base::FileSystem::system();
  storage::AlignedBuffer buffer(kPiece);
  std::uint64_t bytes = 0;
  const auto begin = Clock::now();
  for (const auto& each : std::filesystem::directory_iterator(settings.directory)) {
    if (each.path().extension() != ".seg") continue;
    const auto file = need(files.open(each.path(), {.mode = base::OpenMode::read, .direct = true}));
    for (std::uint64_t at = 0, size = each.file_size(); at < size; at += kPiece)
      bytes += need(file->read_at(at, buffer.span()));
  }
  const double seconds = since(begin);
  json report = rate(messages, seconds);
  report["mb_per_second"] = static_cast<double>(bytes) / seconds / 1e6;
  return report;
}

json reads(const Settings& settings) {
  constexpr std::uint64_t kRounds = 50;
  json report{{"body_bytes", settings.body_bytes}};
  {
    const auto opened = need(engines::embedded::open({.directory = settings.directory}));
    auto bus = opened.bus;
    keep(bus, "tail");
    keep(bus, "catch-up");
    publish(bus, "tail", settings.tail, settings.body_bytes);
    report["tail"] = {{"door", read_as_door(*opened.broker, "tail", settings.tail, kRounds)},
                      {"reader", read(bus, "tail", settings.tail, kRounds)},
                      {"consumer", consume(bus, "tail", settings.tail, kRounds)}};
    publish(bus, "catch-up", settings.messages, settings.body_bytes);
    need(bus.close());
  }
  const auto opened = need(engines::embedded::open({.directory = settings.directory}));
  auto bus = opened.bus;
  const json floor_before = read_segments(settings, settings.messages);
  report["catch_up"] = {{"floor_before", floor_before},
                        {"door", read_as_door(*opened.broker, "catch-up", settings.messages, 1)},
                        {"floor_behind", read_segments(settings, settings.messages)},
                        {"reader", read(bus, "catch-up", settings.messages, 1)},
                        {"consumer", consume(bus, "catch-up", settings.messages, 1)}};
  need(bus.close());
  return report;
}

/// Publishes while a consumer holds its queue and does nothing; starts again, and reads all of it.
json backlog(const Settings& settings) {
  const std::string url = "embedded:" + settings.directory;
  const std::uint64_t messages = (settings.backlog_mib << 20) / settings.body_bytes;
  json report{{"mib", settings.backlog_mib}, {"body_bytes", settings.body_bytes}, {"messages", messages}};
  {
    auto bus = need(Bus::open(url));
    const auto dead = need(bus.subscribe({.topic = "backlog", .subscription = "dead"}));
    const auto begin = Clock::now();
    publish(bus, "backlog", messages, settings.body_bytes);
    report["publish_per_second"] = static_cast<double>(messages) / since(begin);
    report["resident_mib"] = resident_mib();
    report["backlog"] = need(bus.admin().stats("backlog")).subscriptions.at(0).backlog;
    need(bus.close());
  }
  const auto begin = Clock::now();
  auto bus = need(Bus::open(url));
  report["start_seconds"] = since(begin);
  report["read"] = read(bus, "backlog", messages, 1);
  report["resident_after_mib"] = resident_mib();
  need(bus.close());
  return report;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Measures what an embedded bus delivers; prints JSON");
  app.require_subcommand(1);
  json (*run)(const Settings&) = nullptr;
  const auto verb = [&](const char* name, const char* what, json (*function)(const Settings&)) {
    CLI::App* added = app.add_subcommand(name, what)->callback([&run, function] { run = function; });
    added->add_option("directory", settings.directory, "the data directory, which must not exist")
        ->required();
    added->add_option("--size", settings.body_bytes, "bytes of a message");
    return added;
  };
  CLI::App* rates = verb("rates", "read from memory and from the disk", reads);
  rates->add_option("--tail", settings.tail, "messages that lie in memory; all must fit");
  rates->add_option("--messages", settings.messages, "messages that lie on the disk");
  verb("backlog", "publish a large backlog beside a dead consumer, start again, read it", backlog)
      ->add_option("--backlog", settings.backlog_mib, "MiB");
  CLI11_PARSE(app, argc, argv);
  fmt::print("{}\n", run(settings).dump());
  return 0;
}
