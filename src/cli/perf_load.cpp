#include "cli/perf_load.hpp"

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <limits>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/try.hpp"
#include "base/uuid.hpp"

namespace geminga::cli {
namespace {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

constexpr std::chrono::milliseconds kWatchEvery{100};
constexpr std::chrono::seconds kPatience{30};

// --- time
// --------------------------------------------------------------------------------------------------------

/// When each message of a load is due. At full speed that is when the load comes to it.
class Schedule {
 public:
  Schedule(const LoadPlan& plan, const Watch& watch) : plan_(plan), watch_(watch) {}

  /// Waits until message `number` is due; nothing when the load is over. `done` is for the watch.
  std::optional<TimePoint> wait_for(std::uint64_t number, std::uint64_t done) {
    if (plan_.count && number >= *plan_.count) return std::nullopt;
    while (true) {
      const TimePoint now = Clock::now();
      if (over(now, done)) return std::nullopt;
      const TimePoint due = due_of(number, now);
      if (due <= now) return due;
      std::this_thread::sleep_until(std::min(due, now + kWatchEvery));
    }
  }

  bool over(TimePoint now, std::uint64_t done) {
    if (now >= watched_ + kWatchEvery) {
      watched_ = now;
      ended_ = ended_ || !watch_(done);
    }
    return ended_ || now >= start_ + plan_.time;
  }

  [[nodiscard]] TimePoint start() const { return start_; }

 private:
  [[nodiscard]] TimePoint due_of(std::uint64_t number, TimePoint now) const {
    if (!plan_.rate) return now;
    const std::chrono::duration<double> after(static_cast<double>(number) / static_cast<double>(*plan_.rate));
    return start_ + std::chrono::duration_cast<Clock::duration>(after);
  }

  const LoadPlan& plan_;
  const Watch& watch_;
  const TimePoint start_ = Clock::now();
  TimePoint watched_{};
  bool ended_ = false;
};

/// The wall clock as of the start of the program, so that it never jumps within a load.
std::chrono::nanoseconds wall_time(TimePoint when) {
  static const auto kOffset = std::chrono::system_clock::now().time_since_epoch() -
                              std::chrono::nanoseconds(Clock::now().time_since_epoch());
  return std::chrono::nanoseconds(when.time_since_epoch()) + kOffset;
}

// --- stamps
// ------------------------------------------------------------------------------------------------------

/// What stands at the front of a body.
struct Stamp {
  char mark[4] = {'G', 'M', 'p', 'f'};
  std::uint32_t run = 0;
  std::int64_t due_ns = 0;  ///< since 1970
};
static_assert(sizeof(Stamp) == kStampBytes);

std::optional<Stamp> stamp_of(std::string_view body) {
  Stamp stamp;
  const Stamp expected;
  if (body.size() < sizeof stamp) return std::nullopt;
  std::memcpy(&stamp, body.data(), sizeof stamp);
  if (std::memcmp(stamp.mark, expected.mark, sizeof stamp.mark) != 0) return std::nullopt;
  return stamp;
}

/// Bodies that do not compress away.
class Bodies {
 public:
  explicit Bodies(std::size_t bytes) : run_(std::random_device{}()), body_(bytes, '\0') {
    std::minstd_rand random(run_);
    for (char& byte : body_) byte = static_cast<char>(random());
  }
  [[nodiscard]] std::uint32_t run() const { return run_; }
  [[nodiscard]] std::string next(TimePoint due) const {
    std::string body = body_;
    const Stamp stamp{.run = run_, .due_ns = wall_time(due).count()};
    if (body.size() >= sizeof stamp) std::memcpy(body.data(), &stamp, sizeof stamp);
    return body;
  }

 private:
  const std::uint32_t run_;
  std::string body_;
};

// --- sending
// -----------------------------------------------------------------------------------------------------

/// What became of messages; filled by callbacks of the bus.
class Answers {
 public:
  void add(const Result<MessageId>& id, TimePoint due) {
    const TimePoint now = Clock::now();
    const std::lock_guard lock(mutex_);
    if (id) {
      report_.messages += 1;
      report_.latency.add(now - due);
      durable_.store(report_.messages, std::memory_order_relaxed);
    } else {
      report_.failed += 1;
      if (!report_.first_failure) report_.first_failure = id.error();
    }
    last_ = now;
    if (report_.messages + report_.failed == wanted_) all_.notify_all();
  }
  [[nodiscard]] std::uint64_t durable() const { return durable_.load(std::memory_order_relaxed); }

  /// Each send is answered for sure, if only by its time-out.
  LoadReport wait_for(std::uint64_t sent, TimePoint start) {
    std::unique_lock lock(mutex_);
    wanted_ = sent;
    all_.wait(lock, [&] { return report_.messages + report_.failed == sent; });
    report_.took = sent == 0 ? std::chrono::nanoseconds{0} : last_ - start;
    return std::move(report_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_;
  LoadReport report_;
  TimePoint last_{};
  std::uint64_t wanted_ = std::numeric_limits<std::uint64_t>::max();
  std::atomic<std::uint64_t> durable_{0};
};

Result<LoadReport> send_all(Bus& bus, const LoadPlan& plan, const Bodies& bodies, const Watch& watch) {
  GEMINGA_TRY(auto producer,
              bus.create_producer({.topic = plan.topic,
                                   .max_pending_messages = plan.in_flight,
                                   .max_pending_bytes = 32ULL << 20}));  // half of what an engine may hold
  Answers answers;
  Schedule schedule(plan, watch);
  std::uint64_t sent = 0;
  while (const auto due = schedule.wait_for(sent, answers.durable())) {
    producer.send_async({.body = bodies.next(*due)},
                        [&answers, due = *due](const Result<MessageId>& id) { answers.add(id, due); });
    ++sent;
    // One after the other: waiting for the one before it is not this one's latency.
    if (plan.in_flight == 1) GEMINGA_TRY_VOID(producer.flush());
  }
  LoadReport report = answers.wait_for(sent, schedule.start());
  GEMINGA_TRY_VOID(producer.close());
  report.bytes = report.messages * plan.body_bytes.value_or(kDefaultBodyBytes);
  return report;
}

// --- receiving
// ---------------------------------------------------------------------------------------------------

/// A consumer of a subscription that lives as long as it does. Acknowledgements go their way beside it.
class Receiver {
 public:
  static Result<std::unique_ptr<Receiver>> open(Bus& bus, const std::string& topic, InitialPosition from) {
    ConsumerOptions options{.topic = topic, .subscription = "perf-" + base::random_uuid()};
    options.initial_position = from;
    options.receiver_queue_size = 10'000;
    GEMINGA_TRY(auto consumer, bus.subscribe(std::move(options)));
    return std::make_unique<Receiver>(std::move(consumer));
  }
  explicit Receiver(Consumer consumer) : consumer_(std::move(consumer)) {}
  ~Receiver() { static_cast<void>(finish()); }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  /// Nothing: none came within `patience`.
  Result<std::optional<Delivery>> next(std::chrono::milliseconds patience) {
    auto delivery = consumer_.receive(patience);
    if (!delivery && delivery.error().code == ErrorCode::timeout) return std::nullopt;
    if (!delivery) return std::unexpected(delivery.error());
    {
      const std::lock_guard lock(mutex_);
      ++under_way_;
    }
    delivery->ack_async([this](const Result<>& done) { acknowledged(done); });
    return *std::move(delivery);
  }

  /// Waits for the acknowledgements and removes the subscription. Idempotent.
  Result<> finish() {
    if (std::exchange(finished_, true)) return {};
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return under_way_ == 0; });
    const auto removed = consumer_.unsubscribe();
    if (failure_) return std::unexpected(failure_->with("acknowledging"));
    return removed;
  }

 private:
  void acknowledged(const Result<>& done) {
    const std::lock_guard lock(mutex_);
    if (!done && !failure_) failure_ = done.error();
    if (--under_way_ == 0) none_.notify_all();
  }

  Consumer consumer_;
  std::mutex mutex_;
  std::condition_variable none_;
  std::uint64_t under_way_ = 0;   // under mutex
  std::optional<Error> failure_;  // under mutex
  bool finished_ = false;
};

void count_receipt(LoadReport& report, const Message& message, const std::optional<Stamp>& stamp,
                   TimePoint start) {
  const TimePoint now = Clock::now();
  const std::chrono::nanoseconds sent =
      stamp ? std::chrono::nanoseconds{stamp->due_ns} : message.publish_time.time_since_epoch();
  report.messages += 1;
  report.bytes += message.body.size();
  report.latency.add(wall_time(now) - sent);
  report.took = now - start;
}

/// Receives what one sender of this process sends.
class Echo {
 public:
  Echo(std::unique_ptr<Receiver> receiver, std::uint32_t run)
      : receiver_(std::move(receiver)), run_(run), thread_([this] { result_ = receive(); }) {}
  ~Echo() {
    expect(0);
    if (thread_.joinable()) thread_.join();
  }
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;

  [[nodiscard]] std::uint64_t received() const { return received_.load(); }
  [[nodiscard]] bool ended() const { return ended_.load(); }
  void expect(std::uint64_t messages) { expected_.store(messages); }
  Result<LoadReport> wait() {
    thread_.join();
    return std::move(result_);
  }

 private:
  Result<LoadReport> receive() {
    auto report = receive_all();
    ended_.store(true);
    auto finished = receiver_->finish();
    if (report && !finished) return std::unexpected(finished.error());
    return report;
  }

  Result<LoadReport> receive_all() {
    LoadReport report;
    const TimePoint start = Clock::now();
    TimePoint last = start;
    while (report.messages < expected_.load()) {
      GEMINGA_TRY(const auto delivery, receiver_->next(kWatchEvery));
      if (delivery) {
        const auto stamp = stamp_of((*delivery)->body);
        if (!stamp || stamp->run != run_) continue;  // somebody else's
        count_receipt(report, delivery->message(), stamp, start);
        received_.store(report.messages, std::memory_order_relaxed);
        last = Clock::now();
      } else if (expected_.load() != kNotKnown && Clock::now() - last > kPatience) {
        return fail(ErrorCode::timeout,
                    fmt::format("{} of {} acknowledged messages were not received; none "
                                "came for {} s",
                                expected_.load() - report.messages, expected_.load(), kPatience.count()));
      }
    }
    return report;
  }

  static constexpr std::uint64_t kNotKnown = std::numeric_limits<std::uint64_t>::max();
  const std::unique_ptr<Receiver> receiver_;
  const std::uint32_t run_;
  std::atomic<std::uint64_t> received_{0};
  std::atomic<std::uint64_t> expected_{kNotKnown};
  std::atomic<bool> ended_{false};
  Result<LoadReport> result_;
  std::thread thread_;
};

}  // namespace

Result<LoadReport> load_produce(Bus& bus, const LoadPlan& plan, const Watch& watch) {
  return send_all(bus, plan, Bodies(plan.body_bytes.value_or(kDefaultBodyBytes)), watch);
}

Result<LoadReport> load_consume(Bus& bus, const LoadPlan& plan, const Watch& watch) {
  GEMINGA_TRY(const auto receiver, Receiver::open(bus, plan.topic, InitialPosition::earliest));
  LoadReport report;
  Schedule schedule(plan, watch);
  while (schedule.wait_for(report.messages, report.messages)) {
    GEMINGA_TRY(const auto delivery, receiver->next(kWatchEvery));
    if (!delivery) continue;
    const Message& message = delivery->message();
    if (plan.body_bytes && message.body.size() != *plan.body_bytes)
      return fail(
          ErrorCode::invalid_argument,
          fmt::format("message {} of {} has {} bytes and --size says {}; leave --size out to take any",
                      message.id.to_string(), message.topic, message.body.size(), *plan.body_bytes));
    count_receipt(report, message, stamp_of(message.body), schedule.start());
  }
  GEMINGA_TRY_VOID(receiver->finish());
  return report;
}

Result<LoadReport> load_e2e(Bus& bus, const LoadPlan& plan, const Watch& watch) {
  const Bodies bodies(plan.body_bytes.value_or(kDefaultBodyBytes));
  GEMINGA_TRY(auto receiver, Receiver::open(bus, plan.topic, InitialPosition::latest));
  Echo echo(std::move(receiver), bodies.run());
  auto sent =
      send_all(bus, plan, bodies, [&](std::uint64_t) { return watch(echo.received()) && !echo.ended(); });
  echo.expect(sent ? sent->messages : 0);
  auto received = echo.wait();
  if (!sent) return sent;
  if (received) {
    received->failed = sent->failed;
    received->first_failure = sent->first_failure;
  }
  return received;
}

}  // namespace geminga::cli
