#include "orchestrator/services/intakes.hpp"

#include <algorithm>

#include "base/try.hpp"

namespace geminga::orchestrator {

Intakes::Intakes(std::shared_ptr<Core> core, std::string service, TopicRole topic,
                 std::string_view subscription, Wanted wanted, IntakeLimits limits)
    : core_(std::move(core)),
      service_(std::move(service)),
      role_(topic),
      subscription_(subscription),
      wanted_(std::move(wanted)),
      limits_(limits) {}

/// A handler thread that waits for room keeps its intake alive.
Intakes::~Intakes() {
  close();
}

Intakes::List Intakes::list() const {
  const std::lock_guard lock(mutex_);
  return intakes_;
}

Result<> Intakes::open(Intake::Work work) {
  std::vector<std::string> name_spaces;
  {
    const std::lock_guard lock(mutex_);
    work_ = work;
    name_spaces = name_spaces_;
  }
  for (const auto& name_space : name_spaces) GEMINGA_TRY_VOID(begin_in(name_space, work));
  return {};
}

Result<> Intakes::add(const std::string& name_space) {
  Intake::Work work;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return fail(ErrorCode::unavailable, "the orchestrator is stopping");
    if (std::ranges::find(name_spaces_, name_space) == name_spaces_.end()) name_spaces_.push_back(name_space);
    work = work_;
  }
  return work ? begin_in(name_space, work) : Result<>();
}

Result<> Intakes::begin_in(const std::string& name_space, const Intake::Work& work) {
  const std::lock_guard opening(opening_mutex_);
  const auto begun = list();
  if (std::ranges::find(begun, name_space, &Intake::name_space) != begun.end()) return {};
  if (wanted_) {
    GEMINGA_TRY(const bool wanted, wanted_(name_space));
    if (!wanted) return {};
  }
  auto intake = std::make_shared<Intake>(core_, service_, role_, subscription_, name_space, limits_);
  GEMINGA_TRY_VOID(intake->open(work));
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      intakes_.push_back(std::move(intake));
      return {};
    }
  }
  intake->close();  // it came too late to be paused with the others
  return fail(ErrorCode::unavailable, "the orchestrator is stopping");
}

bool Intakes::consuming() const {
  const auto all = list();
  return !all.empty() && std::ranges::all_of(all, [](const auto& intake) { return intake->consuming(); });
}

void Intakes::pause() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  for (const auto& intake : list()) intake->pause();
}

void Intakes::drain(base::MonotonicTime deadline) {
  for (const auto& intake : list()) intake->drain(deadline);
}

void Intakes::close() {
  for (const auto& intake : list()) intake->close();
}

IntakeCounts Intakes::counts() const {
  const auto all = list();
  if (all.empty()) return {};
  // The counters have labels for service and topic only: each intake shows the same sums.
  auto counts = all.front()->counts();
  counts.in_progress = 0;
  for (const auto& intake : all) counts.in_progress += intake->counts().in_progress;
  return counts;
}

}  // namespace geminga::orchestrator
