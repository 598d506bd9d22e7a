#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/event_loop.hpp"

namespace geminga::bus {

/// The thread on which live handles open the partitions that a growth added: to open blocks, and the threads
/// that tell of the growth must not. It starts with the first task. The engine stops it before it closes.
class GrowthLoop {
 public:
  GrowthLoop() = default;
  ~GrowthLoop() { stop(); }
  GrowthLoop(const GrowthLoop&) = delete;
  GrowthLoop& operator=(const GrowthLoop&) = delete;

  /// Any thread.
  void post(base::Task task);
  /// A second later; on the loop only.
  void post_again(base::Task task);
  /// Waits for the task that runs; later ones are dropped. Idempotent; never from the loop itself.
  void stop();

 private:
  std::mutex mutex_;
  std::unique_ptr<base::EventLoop> loop_;  // made under mutex
  bool stopped_ = false;                   // under mutex
  // On the loop:
  std::unique_ptr<base::Timer> timer_;
  std::vector<base::Task> again_;
};

}  // namespace geminga::bus
