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
  repeat_ = std::make_unique<Repeat>(core_->loop, core_->options.prune_interval, [this] { prune(); });
}

void Pruner::prune() {
  core_->store->prune(core_->now() - core_->options.settings.job_retention, kGroup,
                      [self = shared_from_this()](const Result<std::uint64_t>& pruned) {
                        if (!pruned) {
                          if (pruned.error().code != ErrorCode::closed)
                            log::warn("orchestrator", "the jobs store was not pruned: {}",
                                      pruned.error().message);
                          return;
                        }
                        self->pruned_.add(static_cast<double>(*pruned));
                        // There may be more; other writes come between.
                        if (*pruned > 0) self->prune();
                      });
}

}  // namespace geminga::orchestrator
