#pragma once

#include <functional>
#include <memory>
#include <string>

namespace geminga::net {

/// A fixed number of threads for work that waits (Admin calls, receive, SQL), so that no loop does. Tasks
/// start in the order posted. The destructor runs what is queued and joins.
class BlockingPool {
 public:
  BlockingPool(std::string thread_name, std::size_t threads);
  ~BlockingPool();
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  /// Any thread.
  void post(std::move_only_function<void()> task);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace geminga::net
