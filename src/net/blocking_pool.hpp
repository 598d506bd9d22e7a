#pragma once

#include <functional>
#include <memory>
#include <string>

namespace geminga::net {

/// A fixed number of threads for work that waits (Admin calls, receive, SQL), so that no loop does. Tasks
/// start in the order posted.
class BlockingPool {
 public:
  BlockingPool(std::string thread_name, std::size_t threads);
  ~BlockingPool();  ///< stops; on a thread of the pool only after stop()
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  /// Any thread. After stop() the task is dropped.
  void post(std::move_only_function<void()> task);
  /// Runs what is queued and joins. Idempotent; not on a thread of the pool.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace geminga::net
