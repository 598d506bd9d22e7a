// The storage engine against the disk that it stands on: the floor (a block into a preallocated file, then
// fdatasync; sequential bandwidth), then durable publishing through the log, one in flight and as fast as it
// goes, all in one run in one directory. Prints JSON.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/crc32c.hpp"
#include "base/file_system.hpp"
#include "base/uuid.hpp"
#include "measure.hpp"
#include "storage/aligned_buffer.hpp"
#include "storage/directory.hpp"
#include "storage/log.hpp"

namespace {

using namespace geminga;
using namespace geminga::bench;

struct Settings {
  std::string directory = ".";
  double seconds = 5;
  std::size_t body_bytes = 1024;
  std::size_t producers = 1;
  std::size_t appends_each = 1;
  std::size_t topics = 1;
  std::size_t lone = 2'000;
  std::size_t memory_mib = 64;
};

/// `count` blocks, one after the other, into space that was written before; each one durable.
nlohmann::ordered_json floor_of(const std::filesystem::path& path, std::size_t block, std::size_t count,
                                bool direct) {
  auto& files = base::FileSystem::system();
  const auto file = need(files.open(path, {.mode = base::OpenMode::create_or_trim, .direct = direct}));
  storage::AlignedBuffer buffer(block);
  std::fill(buffer.span().begin(), buffer.span().end(), std::byte{0});
  for (std::size_t i = 0; i < count; ++i) need(file->write_at(i * block, buffer.span()));
  need(file->sync_data());
  std::vector<double> took;
  std::fill(buffer.span().begin(), buffer.span().end(), std::byte{'x'});
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < count; ++i) {
    const auto one = Clock::now();
    need(file->write_at(i * block, buffer.span()));
    need(file->sync_data());
    took.push_back(since(one) * 1e6);
  }
  const double seconds = since(begin);
  need(files.unlink(path));
  auto result = percentiles(took);
  result["mb_per_second"] = static_cast<double>(block * count) / seconds / 1e6;
  return result;
}

class Listener final : public storage::LogListener {
 public:
  void on_durable(std::span<const storage::Entry>) override {}
  void on_disk_error(const Error& error) override {
    fmt::print(stderr, "log_bench: {}\n", error.message);
    std::exit(74);
  }
};

storage::Append append_of(const Settings& settings, std::uint64_t topic) {
  storage::Append append{
      .topic = storage::TopicId{topic}, .deliver_at = {}, .body = std::string(settings.body_bytes, 'm')};
  append.body_crc = base::crc32c(append.body);
  return append;
}

nlohmann::ordered_json lone_publish(storage::Log& log, const Settings& settings) {
  std::vector<double> took;
  for (std::size_t i = 0; i < settings.lone; ++i) {
    std::promise<Result<storage::Receipt>> promise;
    auto future = promise.get_future();
    const auto begin = Clock::now();
    std::vector<storage::Operation> operations;
    operations.emplace_back(append_of(settings, 1));
    log.submit({.operations = std::move(operations),
                .done = [&](Result<storage::Receipt> receipt) { promise.set_value(std::move(receipt)); }});
    need(future.get());
    took.push_back(since(begin) * 1e6);
  }
  return percentiles(took);
}

/// Publishes with as many bytes in flight as the budget allows, for the time set.
class Producer {
 public:
  Producer(storage::Log& log, const Settings& settings, std::uint64_t seed)
      : log_(log), settings_(settings), next_topic_(seed), in_flight_max_(16ULL << 20) {}

  void run(Clock::time_point until) {
    const std::uint64_t bytes = settings_.appends_each * settings_.body_bytes;
    while (Clock::now() < until) {
      for (std::uint64_t used = in_flight_; used + bytes > in_flight_max_; used = in_flight_)
        in_flight_.wait(used);
      in_flight_ += bytes;
      std::vector<storage::Operation> operations;
      operations.reserve(settings_.appends_each);
      for (std::size_t i = 0; i < settings_.appends_each; ++i)
        operations.emplace_back(append_of(settings_, 1 + next_topic_++ % settings_.topics));
      log_.submit(
          {.operations = std::move(operations), .done = [this, bytes](Result<storage::Receipt> receipt) {
             if (receipt)
               published_ += receipt->appended.size();
             else
               ++failed_;
             // Woken when there is room for much, not for each message.
             if (in_flight_.fetch_sub(bytes) > in_flight_max_ / 2 && in_flight_ <= in_flight_max_ / 2)
               in_flight_.notify_one();
           }});
    }
    for (std::uint64_t used = in_flight_; used > 0; used = in_flight_)
      std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  [[nodiscard]] std::uint64_t published() const { return published_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }

 private:
  storage::Log& log_;
  const Settings& settings_;
  std::uint64_t next_topic_;
  const std::uint64_t in_flight_max_;
  std::atomic<std::uint64_t> in_flight_{0};
  std::uint64_t published_ = 0;  // journal thread
  std::uint64_t failed_ = 0;     // journal thread
};

nlohmann::ordered_json publish_rate(storage::Log& log, const Settings& settings) {
  const auto before = log.stats();
  const auto begin = Clock::now();
  const auto until = begin + std::chrono::microseconds(static_cast<std::int64_t>(settings.seconds * 1e6));
  std::vector<std::unique_ptr<Producer>> producers;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < settings.producers; ++i) {
    producers.push_back(std::make_unique<Producer>(log, settings, i));
    threads.emplace_back([&, i] { producers[i]->run(until); });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = since(begin);
  std::uint64_t published = 0;
  std::uint64_t failed = 0;
  for (const auto& producer : producers) {
    published += producer->published();
    failed += producer->failed();
  }
  const auto after = log.stats();
  return {{"messages", published},
          {"refused", failed},
          {"seconds", seconds},
          {"per_second", static_cast<double>(published) / seconds},
          {"payload_mb_per_second", static_cast<double>(published * settings.body_bytes) / seconds / 1e6},
          {"groups", after.groups - before.groups},
          {"journal_mib", after.journal_bytes >> 20},
          {"segments", after.segments},
          {"segment_mib", after.segment_bytes >> 20}};
}

/// Everything of topic 1 from `from` on. A second read is asked for when the first has come: what a reader
/// with one answer in flight gets.
nlohmann::ordered_json read_all(storage::Log& log, EntryId from) {
  const auto begin = Clock::now();
  std::uint64_t messages = 0;
  for (;;) {
    std::promise<Result<std::vector<storage::Entry>>> promise;
    auto future = promise.get_future();
    log.read({.topic = storage::TopicId{1}, .from = from, .entries_max = 2'000, .bytes_max = 2 << 20},
             [&](Result<std::vector<storage::Entry>> entries) { promise.set_value(std::move(entries)); });
    const auto entries = need(future.get());
    if (entries.empty()) break;
    messages += entries.size();
    from = EntryId{entries.back().header.entry.value + 1};
  }
  return {{"messages", messages}, {"per_second", static_cast<double>(messages) / since(begin)}};
}

/// What is still in the memory table, again and again.
nlohmann::ordered_json read_tail(storage::Log& log, const Settings& settings) {
  const std::uint64_t entries = std::max<std::uint64_t>(
      1, settings.memory_mib * (1 << 20) / 4 / (settings.body_bytes + sizeof(storage::EntryHeader)));
  std::vector<EntryId> ids;
  while (ids.size() < entries) {
    std::vector<storage::Operation> operations;
    for (std::size_t i = 0; i < 500 && ids.size() + i < entries; ++i)
      operations.emplace_back(append_of(settings, 1));
    std::promise<Result<storage::Receipt>> promise;
    auto future = promise.get_future();
    log.submit({.operations = std::move(operations),
                .done = [&](Result<storage::Receipt> receipt) { promise.set_value(std::move(receipt)); }});
    for (const storage::EntryHeader& header : need(future.get()).appended) ids.push_back(header.entry);
  }
  const auto begin = Clock::now();
  std::uint64_t messages = 0;
  while (since(begin) < settings.seconds / 2)
    messages += read_all(log, ids.front())["messages"].get<std::uint64_t>();
  return {{"messages", messages}, {"per_second", static_cast<double>(messages) / since(begin)}};
}

nlohmann::ordered_json measure(const Settings& settings) {
  const std::filesystem::path directory =
      std::filesystem::path(settings.directory) / ("log-bench-" + base::random_uuid());
  auto& files = base::FileSystem::system();
  nlohmann::ordered_json report;
  {
    const auto data = need(storage::DataDirectory::acquire(files, directory));
    report["floor_4k"] = floor_of(directory / "floor", 4096, settings.lone, false);
    report["floor_4k_direct"] = floor_of(directory / "floor", 4096, settings.lone, true);
    report["floor_1m_direct"] = floor_of(directory / "floor", 1 << 20, 256, true);
    Listener listener;
    std::set<storage::TopicId> topics;
    for (std::uint64_t topic = 1; topic <= settings.topics; ++topic) topics.insert(storage::TopicId{topic});
    const storage::LogOptions options{.directory = directory,
                                      .directory_uuid = data->uuid(),
                                      .memory_table_bytes = settings.memory_mib << 20,
                                      .unsafe = {}};
    const auto log = need(storage::Log::open(files, base::Clock::system(), options, topics, {}, listener));
    report["lone"] = lone_publish(*log, settings);
    report["lone"]["over_floor"] =
        report["lone"]["p50_us"].get<double>() / report["floor_4k"]["p50_us"].get<double>();
    report["publish"] = publish_rate(*log, settings);
    report["catch_up"] = read_all(*log, EntryId{0});
    report["tail"] = read_tail(*log, settings);
    need(log->close());
  }
  std::filesystem::remove_all(directory);
  return report;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Measures the storage engine against the floor of the disk; prints JSON");
  app.add_option("--dir", settings.directory, "where to work; a folder of its own is made and removed");
  app.add_option("--seconds", settings.seconds, "of publishing at full rate");
  app.add_option("--size", settings.body_bytes, "bytes of a message");
  app.add_option("--producers", settings.producers, "threads that publish");
  app.add_option("--batch", settings.appends_each, "messages in a transaction");
  app.add_option("--topics", settings.topics, "topics, in turn");
  app.add_option("--lone", settings.lone, "messages one after the other");
  app.add_option("--memory", settings.memory_mib, "MiB of the memory table");
  bool one_line = false;
  app.add_flag("--json", one_line, "the result on one line");
  CLI11_PARSE(app, argc, argv);
  fmt::print("{}\n", measure(settings).dump(one_line ? -1 : 2));
  return 0;
}
