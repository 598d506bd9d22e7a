#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "broker/answer.hpp"

namespace geminga::broker {

/// One answer for several: `done` when all that part() gave are answered and the last owner has gone, with
/// the first error. Owned by what waits for it; any thread.
class Gather : public std::enable_shared_from_this<Gather> {
 public:
  explicit Gather(Done<void> done) : done_(std::move(done)) {}
  ~Gather() { done_(failed_ ? Result<>(std::unexpected(*failed_)) : Result<>{}); }
  Gather(const Gather&) = delete;
  Gather& operator=(const Gather&) = delete;

  Answer<void> part() {
    return Answer<void>([self = shared_from_this()](const Result<>& one) {
      if (one) return;
      const std::lock_guard lock(self->mutex_);
      if (!self->failed_) self->failed_ = one.error();
    });
  }

 private:
  Done<void> done_;
  std::mutex mutex_;
  std::optional<Error> failed_;  // under mutex
};

}  // namespace geminga::broker
