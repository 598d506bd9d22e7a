/// The process that tests/kill and tests/rigs kill and rob of its disk: producers, consumers and forward
/// steps on one embedded bus, all at once. What it knows for sure goes to stdout, one line a fact, each by
/// one write: what stands there survives its death. `verify` looks what is there instead, without settling
/// anything.
///
///     ready
///     P topic id key sequence            a publish was confirmed
///     D subscription id key sequence     delivered, written before it is settled
///     A subscription id                  an acknowledgement was confirmed
///     C subscription id                  an acknowledgement of everything up to there was confirmed
///     F id                               a forward was confirmed
///     S key sequence                     a publish to `once` was confirmed as stored before, nobody knows
///                                        where
///     E id key sequence ms               a publish to `early` was answered before it was durable, at that
///                                        time
///     R topic id key sequence            verify: it is stored
///     L id key sequence                  verify: `latest` has it as it was compacted
///     N subscription id                  verify: it is still to be settled
///     BAD what                           the worker itself saw a breach
///
/// Ends with 74 when the disk fails, as `geminga serve` does.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <limits>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include <geminga/bus.hpp>

#include "base/crc32c.hpp"
#include "engines/embedded/embedded.hpp"

namespace {

using namespace geminga;
using namespace std::chrono_literals;

struct Group {
  const char* topic;
  const char* name;
  SubscriptionType type;
};
constexpr Group kExclusive{"in", "exclusive", SubscriptionType::exclusive};
constexpr Group kShared{"in", "shared", SubscriptionType::shared};
constexpr Group kKeyed{"in", "keyed", SubscriptionType::key_shared};
constexpr Group kForward{"in", "forward", SubscriptionType::shared};
constexpr Group kLater{"later", "later", SubscriptionType::shared};
constexpr Group kOnce{"once", "once", SubscriptionType::failover};
constexpr Group kUpTo{"in", "up-to", SubscriptionType::exclusive};
constexpr Group kParts{"parts", "parts", SubscriptionType::failover};
constexpr Group kEarly{"early", "early", SubscriptionType::exclusive};
constexpr Group kAll[] = {kExclusive, kShared, kKeyed, kForward, kLater, kOnce, kUpTo, kParts, kEarly};
constexpr const char* kLatest = "latest";
constexpr const char* kTopics[] = {"in", "later", "once", "out-1", "out-2", "early", kLatest};
constexpr const char* kPartitioned = "parts";
constexpr std::uint32_t kPartitions = 3;
constexpr int kKeysPerProducer = 8;

void say(std::string line) {
  line += '\n';
  if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::_Exit(3);
}

[[noreturn]] void die(const Error& error) {
  say("BAD " + error.message);
  std::_Exit(2);
}

template <class T>
T check(Result<T> result) {
  if (!result) die(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// "key sequence due crc filler"; the checksum covers all else.
std::string payload(const std::string& key, std::uint64_t sequence, std::int64_t due) {
  const std::string filler(sequence % 700, static_cast<char>('a' + sequence % 26));
  const std::uint32_t crc = base::crc32c(fmt::format("{} {} {} {}", key, sequence, due, filler));
  return fmt::format("{} {} {} {} {}", key, sequence, due, crc, filler);
}

/// "key sequence", or "" after a BAD line.
std::string verified(const Message& message, bool delivered) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (int i = 0; i < 4; ++i) {
    const auto space = message.body.find(' ', from);
    if (space == std::string::npos) break;
    parts.push_back(message.body.substr(from, space - from));
    from = space + 1;
  }
  if (parts.size() == 4) {
    const std::string all =
        fmt::format("{} {} {} {}", parts[0], parts[1], parts[2], message.body.substr(from));
    if (std::to_string(base::crc32c(all)) == parts[3] && parts[0] == message.key) {
      if (delivered && std::stoll(parts[2]) > now_ms()) say("BAD delivered early: " + message.id.to_string());
      return parts[0] + " " + parts[1];
    }
  }
  say("BAD altered payload: " + message.topic + " " + message.id.to_string());
  return "";
}

ConsumerOptions options_of(const Group& group) {
  ConsumerOptions options;
  options.topic = group.topic;
  options.subscription = group.name;
  options.type = group.type;
  options.initial_position = InitialPosition::earliest;
  options.receiver_queue_size = 200;
  options.negative_ack_delay = 5ms;
  return options;
}

/// How many of the messages of `in` each group has settled and how many were sent: the producers stay near
/// the slowest, so that every group is at work when the end comes.
std::atomic<std::uint64_t> sent = 0;
std::array<std::atomic<std::uint64_t>, 5> settled = {};
constexpr std::uint64_t kAheadMax = 2'000;

void stay_near() {
  const auto slowest = [] {
    return std::ranges::min_element(settled, {}, [](const auto& each) { return each.load(); })->load();
  };
  while (sent.load() > slowest() + kAheadMax) std::this_thread::sleep_for(1ms);
}

void count_settled(const Group& group, std::uint64_t messages = 1) {
  constexpr std::array<std::string_view, 5> kOrder = {kExclusive.name, kShared.name, kKeyed.name,
                                                      kForward.name, kUpTo.name};
  for (std::size_t i = 0; i < kOrder.size(); ++i)
    if (kOrder[i] == group.name) settled[i] += messages;
}

enum class Pace : std::uint8_t { many, lone, lone_delayed };

void produce(Bus& bus, const char* topic, int number, std::uint64_t first_sequence, Pace pace) {
  const bool delayed = pace == Pace::lone_delayed;
  auto producer = check(bus.create_producer({.topic = topic, .max_pending_messages = 100}));
  for (std::uint64_t sequence = first_sequence;; ++sequence) {
    OutgoingMessage message;
    message.key = fmt::format("{}{}-{}", topic, number, sequence % kKeysPerProducer);
    const std::int64_t due = delayed ? now_ms() + static_cast<std::int64_t>(sequence % 100) : 0;
    message.body = payload(message.key, sequence, due);
    if (delayed) message.deliver_at = Timestamp{std::chrono::milliseconds{due}};
    const std::string key = message.key;
    if (pace == Pace::many) {
      stay_near();
      sent += 1;
    }
    if (pace != Pace::many) {
      const auto id = producer.send(std::move(message));
      if (id) say(fmt::format("P {} {} {} {}", topic, id->to_string(), key, sequence));
    } else {
      producer.send_async(std::move(message), [topic, key, sequence](const Result<MessageId>& id) {
        if (id) say(fmt::format("P {} {} {} {}", topic, id->to_string(), key, sequence));
      });
    }
  }
}

/// The topic answers before the disk does.
void produce_early(Bus& bus, std::uint64_t first_sequence) {
  auto producer = check(bus.create_producer({.topic = kEarly.topic}));
  for (std::uint64_t sequence = first_sequence;; ++sequence) {
    const std::string key = fmt::format("early-{}", sequence % kKeysPerProducer);
    const auto id = producer.send({.body = payload(key, sequence, 0), .key = key});
    if (id) say(fmt::format("E {} {} {} {}", id->to_string(), key, sequence, now_ms()));
    std::this_thread::sleep_for(500us);  // about as fast as a topic that waits for the disk
  }
}

/// Without end; one that a full disk refuses is tried again.
void compact(Bus& bus) {
  while (true) {
    const bool done = bus.admin().compact_topic(kLatest) && bus.admin().await_compaction(kLatest, 60s);
    if (!done) std::this_thread::sleep_for(10ms);
  }
}

/// Numbers what it sends, without a gap over all its lives. What was under way when the last one ended may be
/// stored or not: it sends that again, with more that is stored for certain; and every fifth message twice at
/// once, as after a time-out.
void produce_once(Bus& bus, int number) {
  constexpr std::uint64_t kSentAgain = 30;
  const std::string name = fmt::format("once-{}", number);
  auto producer =
      check(bus.create_producer({.topic = kOnce.topic, .name = name, .max_pending_messages = 20}));
  const std::uint64_t next =
      producer.last_sequence_id().transform([](auto last) { return last + 1; }).value_or(0);
  for (std::uint64_t sequence = next - std::min(next, kSentAgain);; ++sequence) {
    for (int copies = sequence % 5 == 0 ? 2 : 1; copies > 0; --copies) {
      OutgoingMessage message{.body = payload(name, sequence, 0), .key = name, .sequence_id = sequence};
      producer.send_async(std::move(message), [name, sequence](const Result<MessageId>& id) {
        if (!id) return;
        const std::string what = fmt::format("{} {}", name, sequence);
        say(*id == MessageId::unknown() ? "S " + what
                                        : fmt::format("P {} {} {}", kOnce.topic, id->to_string(), what));
      });
    }
    if (sequence % 8 == 0) check(producer.flush());
  }
}

void say_delivered(const Group& group, const Message& message) {
  say(fmt::format("D {} {} {}", group.name, message.id.to_string(), verified(message, true)));
}

void acknowledge(const Group& group, Delivery& delivery) {
  delivery.ack_async([&group, id = delivery->id.to_string()](const Result<>& result) {
    if (!result) return;
    say(fmt::format("A {} {}", group.name, id));
    count_settled(group);
  });
}

/// Pulls in order; every tenth message fails once.
void pull(Bus& bus, const Group& group) {
  auto consumer = check(bus.subscribe(options_of(group)));
  while (true) {
    auto delivery = consumer.receive(1s);
    if (!delivery) continue;
    say_delivered(group, delivery->message());
    if ((*delivery)->id.entry.value % 10 == 0 && (*delivery)->redelivery_count == 0)
      delivery->nack();
    else
      acknowledge(group, *delivery);
  }
}

/// Settles everything up to the latest, seven at a time.
void pull_up_to(Bus& bus) {
  auto consumer = check(bus.subscribe(options_of(kUpTo)));
  for (std::uint64_t count = 1;; ++count) {
    auto delivery = consumer.receive(1s);
    if (!delivery) continue;
    say_delivered(kUpTo, delivery->message());
    if (count % 7 != 0) continue;
    if (!delivery->ack_cumulative()) continue;
    say(fmt::format("C {} {}", kUpTo.name, (*delivery)->id.to_string()));
    count_settled(kUpTo, 7);
  }
}

void forward(Bus& bus) {
  auto consumer = check(bus.subscribe(options_of(kForward)));
  while (true) {
    auto delivery = consumer.receive(1s);
    if (!delivery) continue;
    say_delivered(kForward, delivery->message());
    const std::string id = (*delivery)->id.to_string();
    OutgoingMessage out;
    out.key = id;
    out.body = payload(id, (*delivery)->id.entry.value, 0);
    bus.forward_async(*delivery, {{"out-1", out}, {"out-2", out}},
                      [id](const Result<std::vector<MessageId>>& ids) {
                        if (!ids) return;
                        say("F " + id);
                        count_settled(kForward);
                      });
  }
}

void need(const Result<>& made) {
  if (!made && made.error().code != ErrorCode::already_exists) die(made.error());
}

[[noreturn]] void work(Bus& bus, std::uint64_t first_sequence) {
  for (const char* topic : kTopics) {
    need(bus.admin().create_topic(topic));
    check(bus.admin().set_retention(topic, {.time = std::nullopt, .bytes = std::nullopt}));
  }
  Policies early;
  early.durability = Durability{20ms};
  check(bus.admin().set_policies(kEarly.topic, early));
  need(bus.admin().create_partitioned_topic(kPartitioned, kPartitions));
  check(bus.admin().set_retention(kPartitioned, {.time = std::nullopt, .bytes = std::nullopt}));
  for (const Group& group : kAll)
    need(bus.admin().create_subscription(group.topic, group.name, InitialPosition::earliest));
  say("ready");
  std::vector<std::thread> threads;
  threads.reserve(20);
  for (int number = 0; number < 2; ++number)
    threads.emplace_back([&, number] { produce(bus, "in", number, first_sequence, Pace::many); });
  threads.emplace_back([&] { produce(bus, "later", 0, first_sequence, Pace::lone_delayed); });
  threads.emplace_back([&] { produce(bus, kPartitioned, 0, first_sequence, Pace::lone); });
  threads.emplace_back([&] { produce(bus, kLatest, 0, first_sequence, Pace::lone); });
  threads.emplace_back([&] { compact(bus); });
  threads.emplace_back([&] { produce_early(bus, first_sequence); });
  threads.emplace_back([&] { pull(bus, kEarly); });
  threads.emplace_back([&] { pull(bus, kParts); });
  threads.emplace_back([&] { pull_up_to(bus); });
  threads.emplace_back([&] { pull(bus, kExclusive); });
  threads.emplace_back([&] { pull(bus, kOnce); });
  for (int copies = 0; copies < 2; ++copies) {
    threads.emplace_back([&, copies] { produce_once(bus, copies); });
    threads.emplace_back([&] { pull(bus, kShared); });
    threads.emplace_back([&] { pull(bus, kKeyed); });
  }
  threads.emplace_back([&] { pull(bus, kLater); });
  threads.emplace_back([&] { forward(bus); });
  for (std::thread& thread : threads) thread.join();  // never: the end comes from outside
  std::_Exit(4);
}

void say_stored(Bus& bus, const char* topic, const std::string& fact, bool compacted = false) {
  auto reader = check(
      bus.create_reader({.topic = topic, .start = InitialPosition::earliest, .read_compacted = compacted}));
  while (check(reader.has_next())) {
    const Message message = check(reader.read(20s));
    say(fmt::format("{} {} {}", fact, message.id.to_string(), verified(message, false)));
  }
}

void verify(Bus& bus) {
  for (const char* topic : kTopics) say_stored(bus, topic, fmt::format("R {}", topic));
  say_stored(bus, kPartitioned, fmt::format("R {}", kPartitioned));
  say_stored(bus, kLatest, "L", true);
  for (const Group& group : kAll) {
    std::uint64_t backlog = 0;
    for (const auto& each : check(bus.admin().stats(group.topic)).subscriptions)
      if (each.name == group.name) backlog = each.backlog;
    auto options = options_of(group);
    options.receiver_queue_size = 100'000;
    auto consumer = check(bus.subscribe(options));
    for (; backlog > 0; --backlog)
      say(fmt::format("N {} {}", group.name, check(consumer.receive(20s))->id.to_string()));
    if (consumer.receive(100ms)) say(fmt::format("BAD {}: more messages than the backlog says", group.name));
  }
  say("verified");
}

/// Receipts that lie for 20 ms before the write that they stand for, so that a kill finds them there.
constexpr storage::UnsafeOptions kAckBeforeWrite{.ack_before_sync = true, .write_delay = 20ms};

bool set_control(std::string_view name, storage::UnsafeOptions& unsafe) {
  if (name == "ack-before-write") unsafe = kAckBeforeWrite;
  if (name == "ack-before-sync") unsafe.ack_before_sync = true;
  // Without a sync and without its time the rigs would drown in facts.
  if (name == "no-fsync") unsafe = {.no_fsync = true, .write_delay = 5ms};
  if (name == "no-dirsync") unsafe.no_dirsync = true;
  if (name == "skip-crc") unsafe.skip_crc = true;
  return unsafe.ack_before_sync || unsafe.no_fsync || unsafe.no_dirsync || unsafe.skip_crc;
}

}  // namespace

int main(int argc, char** argv) {
  geminga::broker::BrokerOptions options;
  if (argc < 3 || argc > 4 || (argc == 4 && !set_control(argv[3], options.unsafe))) {
    constexpr std::string_view kUsage =
        "usage: worker DIR verify|FIRST_SEQUENCE "
        "[ack-before-write|ack-before-sync|no-fsync|no-dirsync|skip-crc]\n";
    static_cast<void>(!::write(STDERR_FILENO, kUsage.data(), kUsage.size()));
    return 2;
  }
  options.directory = argv[1];
  options.journal_file_bytes = 4ULL << 20;  // small, so that rolls and flushes happen under the knife
  options.memory_table_bytes = 4ULL << 20;
  options.journal_bytes_max = 32ULL << 20;
  options.delayed_bytes_max = 4096;  // most of what is delayed is found again in the log
  options.delayed_each_min = 16;
  options.on_disk_error = [](const geminga::Error& error) {
    static_cast<void>(!::write(STDERR_FILENO, error.message.data(), error.message.size()));
    std::_Exit(74);
  };
  const bool verifies = std::string_view(argv[2]) == "verify";
  if (verifies) {  // one consumer holds the whole backlog
    options.unacked_per_consumer_max = std::numeric_limits<std::uint64_t>::max();
    options.unacked_per_subscription_max = std::numeric_limits<std::uint64_t>::max();
  }
  auto opened = check(geminga::engines::embedded::open(std::move(options)));
  if (!verifies) work(opened.bus, std::stoull(argv[2]));
  verify(opened.bus);
  check(opened.bus.close());
  return 0;
}
