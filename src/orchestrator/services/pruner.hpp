#pragma once

#include <memory>

#include "orchestrator/services/core.hpp"

namespace geminga::orchestrator {

/// Takes away from the jobs store what has ended long ago, in small groups, so that nobody waits for it.
class Pruner : public std::enable_shared_from_this<Pruner> {
 public:
  explicit Pruner(std::shared_ptr<Core> core);
  /// Both on the core's loop.
  void start();
  void stop() { repeat_.reset(); }

 private:
  void prune(Timestamp before, PruneFrom from);

  const std::shared_ptr<Core> core_;
  const base::Counter pruned_;
  std::unique_ptr<Repeat> repeat_;
};

}  // namespace geminga::orchestrator
