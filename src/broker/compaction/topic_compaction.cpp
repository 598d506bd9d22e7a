#include "broker/compaction/topic_compaction.hpp"

#include <limits>
#include <utility>

#include "base/log.hpp"
#include "broker/compaction/compactor.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {
namespace {

constexpr EntryId kNowhere{std::numeric_limits<std::uint64_t>::max()};
/// After a failure by itself, not when asked.
constexpr std::chrono::seconds kAgainAfter{60};

}  // namespace

struct TopicCompaction::State {
  enum class Phase : std::uint8_t { idle, waiting, running };
  std::optional<View> view;
  Phase phase = Phase::idle;
  bool again = false;
  bool by_itself = false;  ///< a policy asks for it, so one that failed is tried again
  bool removed = false;    ///< the topic and its view were dropped
  EntryId begin;           ///< of the one that runs
  std::shared_ptr<CompactionProgress> progress;
  std::optional<Error> failure;
  base::MonotonicTime failed_at{};
  std::vector<Answer<void>> awaiting;
};

TopicCompaction::TopicCompaction(Topic& topic, const std::optional<storage::ViewRow>& view) : topic_(topic) {
  if (!view) return;
  const auto state = topic.context()->log->state(view->topic);
  made().view = View{.topic = view->topic,
                     .horizon = view->horizon,
                     .entries = view->entries,
                     .bytes = state ? state->stored_bytes : 0};
}

TopicCompaction::~TopicCompaction() = default;

TopicCompaction::State& TopicCompaction::made() {
  if (!state_) state_ = std::make_unique<State>();
  return *state_;
}

const View* TopicCompaction::view() const {
  return state_ && state_->view ? &*state_->view : nullptr;
}

std::optional<storage::ViewRow> TopicCompaction::row() const {
  const View* used = view();
  return used == nullptr ? std::nullopt
                         : std::optional(storage::ViewRow{
                               .topic = used->topic, .horizon = used->horizon, .entries = used->entries});
}

bool TopicCompaction::quiet() const {
  return !state_ || (state_->phase == State::Phase::idle && state_->awaiting.empty() &&
                     !(state_->failure && state_->by_itself));
}

const Error* TopicCompaction::failure() const {
  return state_ && state_->failure ? &*state_->failure : nullptr;
}

void TopicCompaction::set_failure(Error failure) {
  made().failure = std::move(failure);
  state_->failed_at = topic_.context()->now().monotonic;
}

EntryId TopicCompaction::needed_from() const {
  if (const View* used = view()) return used->horizon;
  return state_ && state_->phase == State::Phase::running ? state_->begin : kNowhere;
}

// --- start and end
// -------------------------------------------------------------------------------------------------

void TopicCompaction::request() {
  State& state = made();
  if (state.phase == State::Phase::running) state.again = true;
  if (state.phase != State::Phase::idle) return;
  state.phase = State::Phase::waiting;
  auto added = topic_.context()->compactor->add(topic_.shared_from_this());
  if (!added) end(std::unexpected(added.error()));
}

void TopicCompaction::await(Answer<void> answer) {
  if (state_ && state_->phase != State::Phase::idle) return state_->awaiting.push_back(std::move(answer));
  if (state_ && state_->failure) return answer(std::unexpected(*state_->failure));
  answer(Result<>{});
}

void TopicCompaction::look_at_size(std::uint64_t threshold) {
  if (state_) state_->by_itself = threshold > 0;
  if (threshold == 0 || (state_ && state_->phase != State::Phase::idle)) return;
  const EntryId from = view() != nullptr ? view()->horizon : topic_.first();
  if (from >= topic_.end() || topic_.context()->log->first_within(topic_.id(), threshold) <= from) return;
  if (state_ && state_->failure && topic_.context()->now().monotonic < state_->failed_at + kAgainAfter)
    return;
  request();
}

/// Not while the topic is merely being deleted: that may be refused, and shall change nothing then.
bool TopicCompaction::over() const {
  return state_->removed || topic_.core().ended.has_value();
}

std::optional<CompactionPlan> TopicCompaction::begin() {
  State& state = made();
  if (over()) {
    end(std::unexpected(topic_.check_usable().error()));
    return std::nullopt;
  }
  state.phase = State::Phase::running;
  state.begin = state.view ? state.view->horizon : topic_.first();
  state.progress = std::make_shared<CompactionProgress>();
  const std::uint64_t of_view = state.view ? state.view->entries : 0;
  state.progress->all = 2 * (of_view + topic_.end().value - state.begin.value);
  return CompactionPlan{.topic = topic_.id(),
                        .name = topic_.name(),
                        .former = state.view,
                        .begin = state.begin,
                        .all_kept = topic_.first().value == 0,
                        .end = topic_.end(),
                        .progress = state.progress};
}

void TopicCompaction::end(Result<View> view) {
  State& state = *state_;
  state.phase = State::Phase::idle;
  state.progress.reset();
  state.failure.reset();
  if (view) {
    use(*view);
  } else {
    state.failure = view.error();
    state.failed_at = topic_.context()->now().monotonic;
    if (!over() && !topic_.deleted())
      log::warn("broker", "{} could not be compacted: {}", topic_.name(), view.error().message);
  }
  if (std::exchange(state.again, false) && !over()) return request();
  answer_all(state.failure ? Result<>(std::unexpected(*state.failure)) : Result<>{});
}

void TopicCompaction::use(const View& view) {
  if (state_->view && state_->view->topic == view.topic) return;  // nothing came since
  if (state_->removed) return drop_view(*topic_.context(), topic_.name(), view.topic);
  const auto former = std::exchange(state_->view, view);
  if (former) drop_view(*topic_.context(), topic_.name(), former->topic);
  topic_.pump_all();  // who read the former view goes on with this one
}

void TopicCompaction::answer_all(const Result<>& result) {
  for (auto& answer : std::exchange(state_->awaiting, {})) answer(result);
}

void TopicCompaction::shut_down(const Error& reason) {
  if (state_) answer_all(std::unexpected(reason));
}

void TopicCompaction::remove() {
  if (!state_ || std::exchange(state_->removed, true)) return;
  if (state_->progress) state_->progress->topic_gone = true;
  if (state_->view) drop_view(*topic_.context(), topic_.name(), state_->view->topic);
}

CompactionStats TopicCompaction::stats() const {
  CompactionStats stats;
  if (!state_) return stats;
  if (const View* used = view()) {
    if (used->horizon.value > 0) stats.horizon = topic_.id_of(EntryId{used->horizon.value - 1});
    stats.messages = used->entries;
    stats.bytes = used->bytes;
  }
  if (state_->phase == State::Phase::waiting) stats.state = CompactionState::waiting;
  if (state_->phase == State::Phase::running) {
    stats.state = CompactionState::running;
    const std::uint64_t all = state_->progress->all;
    stats.percent = all == 0 ? 100 : static_cast<std::uint32_t>(100 * state_->progress->done / all);
  }
  if (state_->phase == State::Phase::idle && state_->failure) {
    stats.state = CompactionState::failed;
    stats.failure = state_->failure->message;
  }
  return stats;
}

}  // namespace geminga::broker
