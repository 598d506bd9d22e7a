#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/partition_name.hpp"
#include "bus/partitions/opener.hpp"

namespace geminga::bus::testing {

/// Partitions in the hands of a test: what was asked of each is noted, what comes from it the test hands to
/// its sink. Any thread.
class FakePartitions final : public PartitionOpener {
 public:
  struct Part {
    std::shared_ptr<EngineSink> sink;
    std::string name;
    InitialPosition start = InitialPosition::latest;
    std::uint32_t room = 0;  ///< made with taken()
    std::vector<std::string> calls;
    std::optional<MessageId> asked_behind;
    bool more = false;
    std::optional<std::uint64_t> sequence;
  };

  explicit FakePartitions(std::uint32_t count) : count_(count) {}

  void grow(std::uint32_t count) {
    std::function<void()> changed;
    {
      const std::lock_guard lock(mutex_);
      count_ = count;
      if (const auto watch = watch_.lock()) changed = *watch;
    }
    if (changed) changed();
  }
  /// The next `times` openings of this partition fail.
  void refuse(std::uint32_t partition, int times) {
    const std::lock_guard lock(mutex_);
    refusals_[partition] = times;
  }
  template <class Look>
  auto look(std::uint32_t partition, Look look) {
    const std::lock_guard lock(mutex_);
    return look(parts_[partition]);
  }
  bool wait_until(std::uint32_t partition, const std::function<bool(const Part&)>& holds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return holds(parts_[partition]); });
  }
  std::vector<std::string> calls(std::uint32_t partition) {
    return look(partition, [](Part& part) { return part.calls; });
  }
  void note(std::uint32_t partition, const std::function<void(Part&)>& change) {
    const std::lock_guard lock(mutex_);
    change(parts_[partition]);
    changed_.notify_all();
  }
  void call(std::uint32_t partition, std::string name) {
    note(partition, [&](Part& part) { part.calls.push_back(std::move(name)); });
  }

  Result<std::uint32_t> partitions(const std::string& /*topic*/) override {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  std::shared_ptr<void> watch(const std::string& /*topic*/, std::function<void()> changed) override {
    auto watch = std::make_shared<std::function<void()>>(std::move(changed));
    const std::lock_guard lock(mutex_);
    watch_ = watch;
    return watch;
  }
  Result<std::unique_ptr<EngineProducer>> open_producer(const ProducerOptions& options,
                                                        std::shared_ptr<EngineSendSink> sink) override;
  Result<std::shared_ptr<EngineConsumer>> open_consumer(const EngineConsumerOptions& options,
                                                        std::shared_ptr<EngineSink> sink) override;
  Result<std::unique_ptr<EngineReader>> open_reader(const EngineReaderOptions& options,
                                                    std::shared_ptr<EngineSink> sink) override;

 private:
  Result<std::uint32_t> opening(const std::string& topic) {
    const auto partition = base::split_partition_name(topic).value().partition;
    const std::lock_guard lock(mutex_);
    if (refusals_[partition]-- > 0) return fail(ErrorCode::consumer_busy, "refused by the test");
    return partition;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  // Under mutex:
  std::uint32_t count_;
  std::weak_ptr<std::function<void()>> watch_;
  std::map<std::uint32_t, int> refusals_;
  std::map<std::uint32_t, Part> parts_;
};

class FakePartProducer final : public EngineProducer {
 public:
  FakePartProducer(FakePartitions& all, std::uint32_t partition, std::string name,
                   std::shared_ptr<EngineSendSink> sink)
      : all_(all), partition_(partition), name_(std::move(name)), sink_(std::move(sink)) {}
  void send(std::uint64_t tag, OutgoingMessage message) override {
    all_.call(partition_, "send " + message.body);
    std::vector<SendAnswer> one;
    one.push_back({.tag = tag, .id = MessageId{.partition = static_cast<std::int32_t>(partition_)}});
    sink_->on_answers(std::move(one));
  }
  void flush() override { all_.call(partition_, "flush"); }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::optional<std::uint64_t> last_sequence_id() const override {
    return all_.look(partition_, [](FakePartitions::Part& part) { return part.sequence; });
  }
  Result<> close() override {
    all_.call(partition_, "close");
    return {};
  }

 private:
  FakePartitions& all_;
  const std::uint32_t partition_;
  const std::string name_;
  const std::shared_ptr<EngineSendSink> sink_;
};

class FakePartConsumer final : public EngineConsumer {
 public:
  FakePartConsumer(FakePartitions& all, std::uint32_t partition) : all_(all), partition_(partition) {}
  void taken(std::uint32_t messages, std::uint64_t /*bytes*/) override {
    all_.note(partition_, [&](FakePartitions::Part& part) { part.room += messages; });
  }
  void acknowledge(std::uint64_t tag, Done<void> done) override {
    all_.call(partition_, "ack " + std::to_string(tag));
    done({});
  }
  void acknowledge_up_to(std::uint64_t tag, Done<void> done) override {
    all_.call(partition_, "ack up to " + std::to_string(tag));
    done({});
  }
  void negative_acknowledge(std::uint64_t tag, std::chrono::milliseconds /*delay*/) override {
    all_.call(partition_, "nack " + std::to_string(tag));
  }
  Result<> stop() override { return call("stop"); }
  void give_back(std::vector<std::uint64_t> tags) override {
    for (const std::uint64_t tag : tags) all_.call(partition_, "back " + std::to_string(tag));
  }
  Result<> close() override { return call("close"); }
  Result<> seek(const SeekTarget& /*target*/) override { return call("seek"); }
  Result<> unsubscribe() override {
    if (all_.look(partition_, [](FakePartitions::Part& part) { return part.more; }))
      return fail(ErrorCode::conflict, "others are connected");
    return call("unsubscribe");
  }

 private:
  Result<> call(const char* name) {
    all_.call(partition_, name);
    return {};
  }
  FakePartitions& all_;
  const std::uint32_t partition_;
};

class FakePartReader final : public EngineReader {
 public:
  FakePartReader(FakePartitions& all, std::uint32_t partition) : all_(all), partition_(partition) {}
  void taken(std::uint32_t messages, std::uint64_t /*bytes*/) override {
    all_.note(partition_, [&](FakePartitions::Part& part) { part.room += messages; });
  }
  Result<bool> has_more(std::optional<MessageId> last_taken) override {
    return all_.look(partition_, [&](FakePartitions::Part& part) {
      part.asked_behind = last_taken;
      return part.more;
    });
  }
  Result<> close() override {
    all_.call(partition_, "close");
    return {};
  }

 private:
  FakePartitions& all_;
  const std::uint32_t partition_;
};

inline Result<std::unique_ptr<EngineProducer>> FakePartitions::open_producer(
    const ProducerOptions& options, std::shared_ptr<EngineSendSink> sink) {
  GEMINGA_TRY(const std::uint32_t partition, opening(options.topic));
  const std::string name = options.name.empty() ? "made up" : options.name;
  note(partition, [&](Part& part) { part.name = name; });
  return std::make_unique<FakePartProducer>(*this, partition, name, std::move(sink));
}

inline Result<std::shared_ptr<EngineConsumer>> FakePartitions::open_consumer(
    const EngineConsumerOptions& options, std::shared_ptr<EngineSink> sink) {
  GEMINGA_TRY(const std::uint32_t partition, opening(options.topic));
  note(partition, [&](Part& part) {
    part.sink = std::move(sink);
    part.name = options.name;
    part.start = options.initial_position;
    part.room = options.queue.messages;
  });
  return std::make_shared<FakePartConsumer>(*this, partition);
}

inline Result<std::unique_ptr<EngineReader>> FakePartitions::open_reader(const EngineReaderOptions& options,
                                                                         std::shared_ptr<EngineSink> sink) {
  GEMINGA_TRY(const std::uint32_t partition, opening(options.topic));
  note(partition, [&](Part& part) {
    part.sink = std::move(sink);
    part.start = std::get<InitialPosition>(options.start);
    part.room = options.queue.messages;
  });
  return std::make_unique<FakePartReader>(*this, partition);
}

}  // namespace geminga::bus::testing
