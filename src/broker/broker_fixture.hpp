#pragma once

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/await.hpp"
#include "broker/broker.hpp"
#include "broker/raw_message.hpp"

/// A broker on a directory of its own, and a sink that a test can wait for.
namespace geminga::broker::testing {

inline constexpr std::chrono::seconds kPatience{10};
inline constexpr Permits kMany{.messages = 1'000, .bytes = 1 << 30};

template <class T, class Start>
Result<T> wait_for(Start start) {
  return base::await<T>([&](auto callback) { start(Done<T>(std::move(callback))); }, kPatience, "the broker");
}

template <class Condition>
bool eventually(Condition holds) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

class Inbox final : public DeliverySink {
 public:
  void on_entries(std::vector<Delivered> entries) override {
    const std::lock_guard lock(mutex_);
    for (Delivered& entry : entries) entries_.push_back(std::move(entry));
    changed_.notify_all();
  }
  void on_seek() override { add("seek"); }
  void on_active_change(bool active) override { add(active ? "active" : "inactive"); }
  void on_end_of_topic() override { add("end"); }
  void on_closed(Error reason) override {
    const std::lock_guard lock(mutex_);
    closed_ = reason;
    changed_.notify_all();
  }
  Delivered next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return !entries_.empty(); }))
      throw std::runtime_error("nothing came");
    Delivered first = std::move(entries_.front());
    entries_.pop_front();
    return first;
  }
  /// Waits until it has heard exactly this: "seek", "active", "inactive", "end".
  bool heard(const std::vector<std::string>& expected) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return notices_ == expected; });
  }
  Error wait_closed() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return closed_.has_value(); }))
      throw std::runtime_error("not closed");
    return *closed_;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }

 private:
  void add(std::string notice) {
    const std::lock_guard lock(mutex_);
    notices_.push_back(std::move(notice));
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Delivered> entries_;
  std::vector<std::string> notices_;
  std::optional<Error> closed_;
};

class BrokerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "geminga-broker-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    open();
  }
  void TearDown() override {
    broker_.reset();
    std::filesystem::remove_all(directory_);
  }
  void open() {
    options_.directory = directory_ / "data";
    options_.journal_file_bytes = 1 << 20;
    // All tests once more, with topics that come and go all the time.
    if (std::getenv("GEMINGA_TEST_UNLOAD") != nullptr) {
      if (options_.trim_every == BrokerOptions{}.trim_every)
        options_.trim_every = std::chrono::milliseconds(1);
      options_.unload_after = std::chrono::milliseconds(0);
    }
    auto opened = Broker::open(options_);
    ASSERT_TRUE(opened) << opened.error().message;
    broker_ = std::move(*opened);
  }
  void reopen() {
    ASSERT_TRUE(broker_->close());
    broker_.reset();
    open();
  }
  TopicPtr topic(const std::string& name = "persistent://public/default/t") {
    return wait_for<TopicPtr>([&](auto done) { broker_->open_topic(name, true, std::move(done)); }).value();
  }
  MessageId publish(const TopicPtr& to, const std::string& body) {
    std::vector<Publication> one;
    one.push_back({.topic = to, .append = encode_raw({.body = body}, "", Timestamp{})});
    return wait_for<std::vector<MessageId>>(
               [&](auto done) { broker_->publish(std::move(one), std::move(done)); })
        .value()
        .front();
  }
  Result<ConsumerPtr> subscribe(const TopicPtr& to, std::shared_ptr<Inbox> inbox,
                                SubscriptionType type = SubscriptionType::shared) {
    return subscribe(to, std::move(inbox), options_of(type));
  }
  static SubscribeOptions options_of(SubscriptionType type) {
    return {
        .subscription = "s", .type = type, .initial_position = InitialPosition::earliest, .permits = kMany};
  }
  Result<ConsumerPtr> subscribe(const TopicPtr& to, std::shared_ptr<Inbox> inbox,
                                const SubscribeOptions& options) {
    return wait_for<ConsumerPtr>([&](auto done) { broker_->subscribe(to, options, inbox, std::move(done)); });
  }
  static Result<> acknowledge(const ConsumerPtr& consumer, EntryId entry) {
    return acknowledge(consumer, {.entries = {entry}});
  }
  static Result<> acknowledge(const ConsumerPtr& consumer, Acknowledgement what) {
    return wait_for<void>([&](auto done) { consumer->acknowledge(std::move(what), std::move(done)); });
  }
  TopicStats stats(const TopicPtr& of) {
    return wait_for<TopicStats>([&](auto done) { broker_->stats(of, std::move(done)); }).value();
  }
  static std::string body(const Delivered& delivered) { return decode_raw(delivered.entry).value().body; }

  std::filesystem::path directory_;
  BrokerOptions options_;  ///< for the next open()
  std::unique_ptr<Broker> broker_;
};

}  // namespace geminga::broker::testing
