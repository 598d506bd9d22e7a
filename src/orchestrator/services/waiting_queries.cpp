#include "orchestrator/services/waiting_queries.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/try.hpp"

namespace geminga::orchestrator {
namespace {
constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::milliseconds kFirstLook{1'000};
constexpr std::chrono::milliseconds kNextLook{2'000};
}  // namespace

WaitingQueries::WaitingQueries(std::shared_ptr<Core> core)
    : core_(std::move(core)),
      waiting_(
          core_->metrics.gauge("geminga_orchestrator_waiting_queries", "Queries that wait for a result")),
      found_by_look_(core_->metrics.counter("geminga_orchestrator_results_found_by_look_total",
                                            "Results that a waiter found in the store, not on the bus")) {}

Result<> WaitingQueries::open() {
  GEMINGA_TRY_VOID(add({}));
  core_->loop.run([this] { ticking_ = std::make_unique<Repeat>(core_->loop, kTick, [this] { tick(); }); });
  return {};
}

Result<> WaitingQueries::add(const std::string& name_space) {
  const std::lock_guard opening(opening_mutex_);
  const auto is_of = [&](const auto& reader) { return reader->name_space() == name_space; };
  {
    const std::lock_guard lock(readers_mutex_);
    if (std::ranges::any_of(readers_, is_of)) return {};
  }
  auto reader = std::make_unique<TopicReader>(core_, "results", TopicRole::results, name_space,
                                              [this](const Message& message) { seen(message); });
  GEMINGA_TRY_VOID(reader->open());
  const std::lock_guard lock(readers_mutex_);
  if (no_more_readers_) return fail(ErrorCode::unavailable, "the orchestrator is stopping");
  readers_.push_back(std::move(reader));
  return {};
}

bool WaitingQueries::reading() const {
  const std::lock_guard lock(readers_mutex_);
  return !readers_.empty() && std::ranges::all_of(readers_, [](const auto& each) { return each->running(); });
}

std::uint64_t WaitingQueries::results_seen() const {
  const std::lock_guard lock(readers_mutex_);
  std::uint64_t sum = 0;
  for (const auto& reader : readers_) sum += reader->seen();
  return sum;
}

Result<WaitingQueries::Place> WaitingQueries::take_place() {
  const std::lock_guard lock(mutex_);
  if (stopped_) return fail(ErrorCode::unavailable, "the orchestrator is stopping");
  const auto most = core_->options.settings.waiting_queries_max;
  if (count_ >= most)
    return fail(
        ErrorCode::unavailable,
        fmt::format("{} queries wait already, as many as may (waiting_queries_max); the query was not "
                    "begun, so ask again later, or post a job, for which nobody waits",
                    most));
  waiting_.set(static_cast<double>(++count_));
  return Place(shared_from_this());
}

void WaitingQueries::give_back() {
  const std::lock_guard lock(mutex_);
  waiting_.set(static_cast<double>(--count_));
}

void WaitingQueries::wait(const std::string& request_id, Place place, Answered answered) {
  const auto now = core_->clock.monotonic_now();
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      place.of_.reset();  // it is the waiter's now
      waiters_[request_id].push_back({.answered = std::move(answered),
                                      .deadline = now + core_->options.settings.query_timeout,
                                      .look_at = now + kFirstLook});
      return;
    }
  }
  answered(fail(ErrorCode::unavailable, "the orchestrator is stopping"));
}

std::vector<WaitingQueries::Waiter> WaitingQueries::take(const std::string& request_id) {
  const std::lock_guard lock(mutex_);
  const auto found = waiters_.find(request_id);
  if (found == waiters_.end()) return {};
  auto taken = std::move(found->second);
  waiters_.erase(found);
  count_ -= taken.size();
  waiting_.set(static_cast<double>(count_));
  return taken;
}

void WaitingQueries::answer(const std::string& request_id, const Result<std::string>& result) {
  for (auto& waiter : take(request_id)) waiter.answered(result);
}

void WaitingQueries::seen(const Message& message) {
  // The key is the request id; what came without one is looked into.
  auto request_id = envelope_of(message).request_id;
  if (request_id.empty()) request_id = message.key;
  auto waiting = take(request_id);
  for (auto& waiter : waiting) waiter.answered(message.body);
}

void WaitingQueries::ended(const std::string& request_id, const std::string& result_json) {
  answer(request_id, result_json);
}

void WaitingQueries::refused(const std::string& request_id, const Error& why) {
  answer(request_id, std::unexpected(why));
}

void WaitingQueries::cancelled(const std::string& request_id) {
  answer(request_id, fail(ErrorCode::cancelled, "the job was cancelled"));
}

void WaitingQueries::tick() {
  const auto now = core_->clock.monotonic_now();
  std::vector<Answered> late;
  std::vector<std::string> looks;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = waiters_.begin(); at != waiters_.end();) {
      auto& waiters = at->second;
      bool look = false;
      for (auto& waiter : waiters) {
        if (waiter.deadline <= now) {
          late.push_back(std::move(waiter.answered));
          continue;
        }
        if (looking_ || waiter.look_at > now) continue;
        look = true;
        waiter.look_at = now + kNextLook;
      }
      if (look) looks.push_back(at->first);
      std::erase_if(waiters, [&](const Waiter& waiter) { return waiter.deadline <= now; });
      at = waiters.empty() ? waiters_.erase(at) : std::next(at);
    }
    looking_ = looking_ || !looks.empty();
    count_ -= late.size();
    waiting_.set(static_cast<double>(count_));
  }
  for (auto& answered : late)
    answered(
        fail(ErrorCode::timeout, fmt::format("no result within {} ms; it may still come: ask for the job",
                                             core_->options.settings.query_timeout.count())));
  if (looks.empty()) return;
  core_->store->finished(std::move(looks),
                         [self = shared_from_this()](const Result<std::vector<FinishedRequest>>& finished) {
                           self->looked(finished);
                         });
}

void WaitingQueries::looked(const Result<std::vector<FinishedRequest>>& finished) {
  {
    const std::lock_guard lock(mutex_);
    looking_ = false;
  }
  if (!finished) return;
  for (const auto& request : *finished) {
    if (request.result_json.empty()) {
      cancelled(request.request_id);
      continue;
    }
    found_by_look_.add();
    answer(request.request_id, request.result_json);
  }
}

void WaitingQueries::stop() {
  Waiters left;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    left.swap(waiters_);
    for (const auto& [request_id, waiters] : left) count_ -= waiters.size();
  }
  for (auto& [request_id, waiters] : left)
    for (auto& waiter : waiters)
      waiter.answered(fail(ErrorCode::unavailable,
                           "the orchestrator is stopping; the job goes on after its "
                           "next start: ask for it then"));
  core_->loop.run([this] { ticking_.reset(); });
  const std::lock_guard lock(readers_mutex_);
  no_more_readers_ = true;
  for (const auto& reader : readers_) reader->close();
}

std::size_t WaitingQueries::size() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

}  // namespace geminga::orchestrator
