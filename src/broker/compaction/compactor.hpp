#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "broker/broker.hpp"

namespace geminga::broker {

struct Context;

/// The thread that compacts topics, one after the other: so there is memory for the keys of one, and who
/// publishes shares the disk with one. It starts with the first.
class Compactor {
 public:
  explicit Compactor(const Context& context) : context_(context) {}
  ~Compactor() { stop(); }
  Compactor(const Compactor&) = delete;
  Compactor& operator=(const Compactor&) = delete;

  /// Any thread; never blocks. TopicCompaction::begin() and end() are called on the topic's core. Errors:
  /// unavailable (the machine gives no thread now).
  Result<> add(TopicPtr topic);
  /// The one that runs ends soon, the others never begin. While log and cores still answer. Idempotent.
  void stop();

 private:
  void run();
  void compact(const TopicPtr& topic);
  bool go_on(std::chrono::milliseconds wait);

  const Context& context_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<TopicPtr> waiting_;
  std::thread thread_;
  bool stopping_ = false;
};

}  // namespace geminga::broker
