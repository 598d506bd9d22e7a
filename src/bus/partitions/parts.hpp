#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/try.hpp"
#include "bus/partitions/merge.hpp"
#include "bus/partitions/opener.hpp"

namespace geminga::bus {

/// The partitions that one handle has open: all there are at its start, and those that come later. Any
/// thread.
template <class Part>
class Parts : public std::enable_shared_from_this<Parts<Part>> {
 public:
  using PartPtr = std::shared_ptr<Part>;
  /// `grown`: it came while the handle lived.
  using Open = std::function<Result<PartPtr>(std::uint32_t partition, bool grown)>;
  /// They are in; called with the number of all.
  using Joined = std::function<void(std::uint32_t partitions)>;

  Parts(std::shared_ptr<PartitionOpener> opener, std::string topic, Open open, Joined joined)
      : opener_(std::move(opener)),
        topic_(std::move(topic)),
        open_(std::move(open)),
        joined_(std::move(joined)) {}

  /// Opens all, or none. Errors: topic_not_found, those of the engine.
  Result<> start() {
    watch_ = opener_->watch(topic_, [weak = this->weak_from_this(), opener = std::weak_ptr(opener_)] {
      const auto living = opener.lock();
      if (living) living->growth().post([weak] { grow(weak); });
    });
    return catch_up();
  }

  /// Opens what is missing; all, or none. Blocks.
  Result<> catch_up() {
    const std::lock_guard joining(joining_);
    for (std::uint32_t open = size();; open = size()) {
      GEMINGA_TRY(const std::uint32_t wanted, opener_->partitions(topic_));
      if (closed()) return fail(ErrorCode::closed, "closed");
      if (wanted == 0)
        return fail(ErrorCode::topic_not_found, fmt::format("partitioned topic {} was deleted", topic_));
      if (wanted <= open) {
        started_ = true;
        return {};
      }
      GEMINGA_TRY_VOID(open_up_to(open, wanted));
    }
  }

  [[nodiscard]] std::uint32_t size() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::uint32_t>(parts_.size());
  }
  /// Nothing where it is not open.
  [[nodiscard]] PartPtr at(std::uint64_t partition) const {
    const std::lock_guard lock(mutex_);
    return partition < parts_.size() ? parts_[partition] : nullptr;
  }
  /// Of those that are open, the one that `pick` names when it gets their number.
  template <class Pick>
  [[nodiscard]] PartPtr choose(Pick pick) const {
    const std::lock_guard lock(mutex_);
    return parts_[pick(static_cast<std::uint32_t>(parts_.size()))];
  }
  [[nodiscard]] std::vector<PartPtr> all() const {
    const std::lock_guard lock(mutex_);
    return parts_;
  }
  /// Calls each one, whatever the others say. The first error.
  template <class Call>
  Result<> each(Call call) const {
    Result<> first;
    for (const PartPtr& part : all()) {
      if (auto done = call(*part); !done && first) first = std::move(done);
    }
    return first;
  }
  /// No more come in; waits for those that are about to.
  void stop_growing() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    const std::lock_guard joining(joining_);
  }

 private:
  static void grow(const std::weak_ptr<Parts>& weak) {
    const auto self = weak.lock();
    if (!self || self->closed()) return;
    const auto joined = self->catch_up();
    if (joined || joined.error().code == ErrorCode::closed ||
        joined.error().code == ErrorCode::topic_not_found)
      return;
    log::warn("bus", "new partitions of {}: {}; trying again", self->topic_, joined.error().message);
    self->opener_->growth().post_again([weak] { grow(weak); });
  }

  Result<> open_up_to(std::uint32_t first, std::uint32_t end) {
    std::vector<PartPtr> opened;
    for (std::uint32_t i = first; i < end; ++i) {
      auto part = open_(i, started_);
      if (!part) {
        for (const PartPtr& each : opened) static_cast<void>(each->close());  // the refusal is what counts
        return std::unexpected(part.error());
      }
      opened.push_back(std::move(*part));
    }
    {
      const std::lock_guard lock(mutex_);
      parts_.insert(parts_.end(), opened.begin(), opened.end());
    }
    if (joined_) joined_(end);
    return {};
  }

  [[nodiscard]] bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  const std::shared_ptr<PartitionOpener> opener_;
  const std::string topic_;
  const Open open_;
  const Joined joined_;
  std::shared_ptr<void> watch_;  // constant after start()
  std::mutex joining_;           // held while partitions are opened
  bool started_ = false;         // under joining_
  mutable std::mutex mutex_;
  std::vector<PartPtr> parts_;  // under mutex
  bool closed_ = false;         // under mutex
};

/// Room for a partition that is open; `parts` may have gone.
template <class Part>
PartitionMerge::MakeRoom room_in(const std::shared_ptr<Parts<Part>>& parts) {
  return [weak = std::weak_ptr(parts)](const QueueShares::Grant& grant) {
    const auto living = weak.lock();
    const auto part = living ? living->at(grant.partition) : nullptr;
    if (part) part->taken(grant.messages, grant.bytes);
  };
}

}  // namespace geminga::bus
