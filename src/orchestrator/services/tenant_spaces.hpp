#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/blocking_pool.hpp"
#include "orchestrator/services/core.hpp"

namespace geminga::orchestrator {

/// The namespaces of tenants beside the default one: made on first use with their policies, topics and
/// subscriptions, then consumed by every service. Any thread.
class TenantSpaces : public std::enable_shared_from_this<TenantSpaces> {
 public:
  using Ready = std::move_only_function<void(Result<>)>;
  /// `consume` makes every service begin in a namespace whose topics exist; it blocks. `pool` runs what
  /// blocks; it is not kept alive.
  TenantSpaces(std::shared_ptr<Core> core, const std::shared_ptr<net::BlockingPool>& pool,
               std::function<Result<>(const std::string& name_space)> consume);

  /// Opens those that are on the bus already: what lies in them goes on. Blocks.
  Result<> open_existing();
  /// `ready` comes at once where the namespace is open or is the default one (empty), otherwise on the pool.
  /// Errors: overloaded (too many), unavailable (stopping), what the bus says; then the next call tries
  /// again.
  void open(const std::string& name_space, Ready ready);
  /// Opens no more, and waits for one that is being made: services must not begin where they have ended.
  void stop(base::MonotonicTime deadline);
  /// Those that are open, sorted.
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  [[nodiscard]] Result<> make(const std::string& name_space);
  void end(const std::string& name_space, const Result<>& made);

  const std::shared_ptr<Core> core_;
  const std::weak_ptr<net::BlockingPool> pool_;
  const std::function<Result<>(const std::string&)> consume_;
  struct Space {
    bool open = false;
    std::vector<Ready> waiting;  ///< while it is made
  };
  mutable std::mutex mutex_;
  std::map<std::string, Space> spaces_;  // under mutex_
  std::size_t making_ = 0;               // under mutex_
  bool stopping_ = false;                // under mutex_
  std::condition_variable idle_;
};

}  // namespace geminga::orchestrator
