#include "orchestrator/services/pruner.hpp"

#include "base/log.hpp"

namespace geminga::orchestrator {
namespace {

/// Of each kind in one commit; with the writes that wait beside it that is some milliseconds.
constexpr std::uint32_t kGroup = 200;

}  // namespace

Pruner::Pruner(std::shared_ptr<Core> core)
    : core_(std::move(core)),
      pruned_(core_->metrics.counter("geminga_orchestrator_pruned_total",
                                     "Requests that were taken away from the jobs store")) {}

void Pruner::start() {
  if (core_->options.settings.job_retention.count() == 0) return;
  repeat_ = std::make_unique<Repeat>(core_->loop, core_->options.prune_interval, [this] {
    prune(core_->now() - core_->options.settings.job_retention, {});
  });
}

void Pruner::prune(Timestamp before, PruneFrom from) {
  core_->store->prune(
      before, kGroup, from, [self = shared_from_this(), before](const Result<Pruned>& pruned) {
        if (!pruned) {
          if (pruned.error().code != ErrorCode::closed)
            log::warn("orchestrator", "the jobs store was not pruned: {}", pruned.error().message);
          return;
        }
        self->pruned_.add(static_cast<double>(pruned->requests));
        // There may be more; other writes come between.
        if (pruned->requests > 0) self->prune(before, pruned->next);
      });
}

}  // namespace geminga::orchestrator
