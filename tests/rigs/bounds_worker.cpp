/// What tests/rigs/disk_full.py and memory_limit.py run: an embedded bus at the bounds of its disk and of its
/// memory. Exit 1 with a line that begins with BAD where a promise is broken.
///
///     full DIR FILLS      fills the disk, settles everything, goes on; FILLS times
///     dead DIR MIB        a consumer that settles nothing, a backlog of MIB, everything read back

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include <geminga/bus.hpp>

namespace {

using namespace geminga;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr char kTopic[] = "backlog";
constexpr std::size_t kBodyBytes = 16 << 10;
constexpr auto kPatience = 60s;

void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

[[noreturn]] void bad(const std::string& what) {
  say("BAD " + what);
  std::_Exit(1);
}

template <class T>
T must(const char* what, Result<T> result) {
  if (!result) bad(fmt::format("{}: {}", what, result.error().message));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

ConsumerOptions consumer_options() {
  ConsumerOptions options;
  options.topic = kTopic;
  options.subscription = "s";
  options.type = SubscriptionType::shared;
  options.initial_position = InitialPosition::earliest;
  return options;
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// --- the disk
// --------------------------------------------------------------------------------------------

/// Until publishing is refused; how many went in.
std::uint64_t fill(Producer& producer) {
  const std::string body(kBodyBytes, 'f');
  const auto begin = Clock::now();
  for (std::uint64_t count = 0;; ++count) {
    if (const auto sent = producer.send({.body = body}); !sent) {
      if (sent.error().code == ErrorCode::disk_full) return count;
      // Refused for a moment while segments are written.
      if (sent.error().code != ErrorCode::overloaded) bad("a full disk said: " + sent.error().message);
    }
    if (seconds_since(begin) > 120) bad("the disk does not get full");
  }
}

void settle_everything(Bus& bus, std::uint64_t expected) {
  auto consumer = must("subscribe on a full disk", bus.subscribe(consumer_options()));
  for (std::uint64_t left = expected; left > 0; --left) {
    auto delivery = must("receive on a full disk", consumer.receive(kPatience));
    must("acknowledge on a full disk", delivery.ack());
  }
  must("close", consumer.close());
}

void go_on_by_itself(Bus& bus, Producer& producer) {
  const auto begin = Clock::now();
  while (!producer.send({.body = "again"})) {
    if (seconds_since(begin) > 60) bad("everything is acknowledged, and publishing did not resume");
    std::this_thread::sleep_for(50ms);
  }
  say(fmt::format("resumed after {:.1f} s", seconds_since(begin)));
  settle_everything(bus, 1);
}

void full(Bus& bus, int fills) {
  auto producer = must("create_producer", bus.create_producer({.topic = kTopic}));
  must("create_subscription", bus.admin().create_subscription(kTopic, "s", InitialPosition::earliest));
  for (int number = 1; number <= fills; ++number) {
    const std::uint64_t count = fill(producer);
    say(fmt::format("full after {} messages of {} bytes", count, kBodyBytes));
    auto reader =
        must("create_reader", bus.create_reader({.topic = kTopic, .start = InitialPosition::earliest}));
    must("read on a full disk", reader.read(kPatience));
    must("close", reader.close());
    must("stats on a full disk", bus.admin().stats(kTopic));
    settle_everything(bus, count);
    go_on_by_itself(bus, producer);
  }
}

// --- memory
// ----------------------------------------------------------------------------------------------

std::uint64_t peak_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6));
  }
  return 0;
}

void dead(Bus& bus, std::uint64_t mib) {
  const auto consumer = must("subscribe", bus.subscribe(consumer_options()));
  const std::uint64_t count = (mib << 20) / kBodyBytes;
  {
    auto producer = must("create_producer", bus.create_producer({.topic = kTopic}));
    const auto begin = Clock::now();
    for (std::uint64_t i = 0; i < count; ++i) {
      std::string body = std::to_string(i) + " ";
      body.resize(kBodyBytes, 'd');
      producer.send_async({.body = std::move(body)}, [](const Result<MessageId>& sent) {
        if (!sent) bad("publish: " + sent.error().message);
      });
    }
    must("flush", producer.flush());
    say(fmt::format("published {} MiB in {:.1f} s", mib, seconds_since(begin)));
  }
  auto reader =
      must("create_reader", bus.create_reader({.topic = kTopic, .start = InitialPosition::earliest}));
  for (std::uint64_t i = 0; i < count; ++i) {
    const Message message = must("read", reader.read(kPatience));
    if (!message.body.starts_with(std::to_string(i) + " ")) bad(fmt::format("message {} is another one", i));
  }
  must("close", reader.close());
  say(fmt::format("peak of resident memory {} MiB, all {} messages read back", peak_kib() >> 10, count));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc == 4 ? argv[1] : "";
  if (mode != "full" && mode != "dead") {
    fmt::print(stderr, "usage: bounds_worker full DIR FILLS | dead DIR MIB\n");
    return 2;
  }
  auto bus = must("open", Bus::open(std::string("embedded:") + argv[2]));
  if (mode == "full") {
    full(bus, std::stoi(argv[3]));
  } else {
    dead(bus, std::stoull(argv[3]));
  }
  must("close", bus.close());
  return 0;
}
