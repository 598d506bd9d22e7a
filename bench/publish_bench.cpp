// Publishes to an embedded bus in this process through the public API and prints one line of JSON: the time
// of one durable message alone, and the rate with many in flight. usage: publish_bench DIR BODY_BYTES
// LONE_MESSAGES SECONDS PRODUCERS
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <geminga/bus.hpp>

namespace {

using Clock = std::chrono::steady_clock;

nlohmann::ordered_json lone(geminga::Bus& bus, const std::string& body, std::size_t count) {
  auto producer = bus.create_producer({.topic = "bench-lone"}).value();
  std::vector<double> took_us;
  for (std::size_t i = 0; i < count; ++i) {
    const auto begin = Clock::now();
    producer.send({.body = body}).value();
    took_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  std::sort(took_us.begin(), took_us.end());
  return {{"messages", count}, {"p50_us", took_us[count / 2]}, {"p99_us", took_us[count * 99 / 100]}};
}

/// The same while another producer writes 100 MB/s.
nlohmann::ordered_json lone_beside_load(geminga::Bus& bus, const std::string& body, std::size_t count) {
  constexpr double kBytesPerSecond = 100e6;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> failed{0};
  std::uint64_t sent = 0;
  double seconds = 0;
  std::thread load([&] {
    auto producer = bus.create_producer({.topic = "bench-load", .max_pending_messages = 100'000}).value();
    const auto begin = Clock::now();
    while (!stop) {
      seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      const auto due =
          static_cast<std::uint64_t>(seconds * kBytesPerSecond / static_cast<double>(body.size()));
      for (; sent < due; ++sent) {
        producer.send_async({.body = body}, [&](const geminga::Result<geminga::MessageId>& id) {
          if (!id) ++failed;
        });
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    producer.flush().value();
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  auto result = lone(bus, body, count);
  stop = true;
  load.join();
  result["load_mb_per_second"] = static_cast<double>(sent * body.size()) / seconds / 1e6;
  result["load_failed"] = failed.load();
  return result;
}

nlohmann::ordered_json rate(geminga::Bus& bus, const std::string& body, double seconds,
                            std::size_t producers) {
  std::atomic<std::uint64_t> durable{0};
  std::atomic<std::uint64_t> failed{0};
  const auto begin = Clock::now();
  const auto until =
      begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::vector<std::thread> threads;
  threads.reserve(producers);
  for (std::size_t i = 0; i < producers; ++i) {
    threads.emplace_back([&, i] {
      auto producer =
          bus.create_producer({.topic = fmt::format("bench-{}", i), .max_pending_messages = 10'000}).value();
      while (Clock::now() < until) {
        producer.send_async({.body = body}, [&](const geminga::Result<geminga::MessageId>& id) {
          ++(id ? durable : failed);
        });
      }
      producer.flush().value();
    });
  }
  for (auto& thread : threads) thread.join();
  const double took = std::chrono::duration<double>(Clock::now() - begin).count();
  const auto messages = static_cast<double>(durable);
  return {{"producers", producers},
          {"messages", durable.load()},
          {"failed", failed.load()},
          {"per_second", messages / took},
          {"mb_per_second", messages * static_cast<double>(body.size()) / took / 1e6}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    fmt::print(stderr, "usage: publish_bench DIR BODY_BYTES LONE_MESSAGES SECONDS PRODUCERS\n");
    return 2;
  }
  const std::string body(std::strtoul(argv[2], nullptr, 10), 'x');
  auto bus = geminga::Bus::open(std::string("embedded:") + argv[1]).value();
  const std::size_t count = std::max<std::size_t>(100, std::strtoul(argv[3], nullptr, 10));
  const auto alone = lone(bus, body, count);
  const auto beside = lone_beside_load(bus, body, count);
  const auto full = rate(bus, body, std::strtod(argv[4], nullptr),
                         std::max<std::size_t>(1, std::strtoul(argv[5], nullptr, 10)));
  bus.close().value();
  fmt::print("{}\n", nlohmann::ordered_json{{"body_bytes", body.size()},
                                            {"one_in_flight", alone},
                                            {"one_in_flight_beside_100_mb_per_second", beside},
                                            {"many_in_flight", full}}
                         .dump());
  return 0;
}
