#include "orchestrator/services/retry_worker.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include <geminga/admin.hpp>

#include "base/try.hpp"

namespace geminga::orchestrator {
namespace {

using std::chrono::milliseconds;

/// Of one that goes back: it comes again when it is due, or earlier, since the clock may be set.
constexpr milliseconds kBackMin{100};
constexpr milliseconds kBackMax{30'000};
/// The clock on the wall may be set: it is looked at so often while something waits.
constexpr milliseconds kLookAgain{250};

std::optional<Timestamp> due_time(const Message& message) {
  const auto found = message.properties.find(kDueAt);
  if (found == message.properties.end()) return std::nullopt;
  const auto& text = found->second;
  std::int64_t ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error != std::errc{} || end != text.data() + text.size() || ms < 0) return std::nullopt;
  return Timestamp{milliseconds{ms}};
}

/// Whether retries go through the tiers, or some of before still lie in this one.
Result<bool> is_used(Core& core, TopicRole role, const std::string& name_space) {
  if (core.retry_by_topics) return true;
  auto admin = core.bus.admin();
  GEMINGA_TRY(const auto stats, admin.stats(core.topic(role, name_space)));
  return std::ranges::any_of(stats.subscriptions, [](const auto& each) { return each.backlog > 0; });
}

/// Takes somewhat more than is kept, so that one which is due earlier is seen.
std::shared_ptr<Intakes> make_tier(const std::shared_ptr<Core>& core, TopicRole role,
                                   const IntakeLimits& kept) {
  const IntakeLimits more;
  return std::make_shared<Intakes>(
      core, "retry-worker", role, kRetrySubscription,
      [core, role](const std::string& name_space) { return is_used(*core, role, name_space); },
      IntakeLimits{.deliveries = kept.deliveries + more.deliveries, .bytes = kept.bytes + more.bytes});
}

}  // namespace

RetryWorker::RetryWorker(std::shared_ptr<Core> core, IntakeLimits kept)
    : core_(std::move(core)),
      kept_(kept),
      tiers_{make_tier(core_, TopicRole::first_retry, kept_),
             make_tier(core_, TopicRole::later_retry, kept_)} {}

Result<> RetryWorker::consume() {
  core_->loop.run([this] { timer_ = std::make_unique<base::Timer>(core_->loop); });
  for (const auto& tier : tiers_)
    GEMINGA_TRY_VOID(tier->open([weak = weak_from_this()](const Item& item) {
      if (const auto self = weak.lock()) self->work(item);
    }));
  return {};
}

void RetryWorker::stop() {
  for (const auto& tier : tiers_) tier->pause();
  core_->loop.run([this] {
    timer_.reset();
    waiting_.clear();
    bytes_ = 0;
  });
  for (const auto& tier : tiers_) tier->close();
}

void RetryWorker::work(const Item& item) {
  const auto due = due_time(item.message());
  if (!due) return item.dead_letter("a retry must say when it is due: the property dueAt, in ms since 1970");
  core_->loop.post([self = shared_from_this(), due = *due, item] { self->keep(due, item); });
}

void RetryWorker::keep(Timestamp due, const Item& item) {
  if (!timer_) return;  // stopped: it goes back with its consumer
  waiting_.emplace(due, item);
  bytes_ += item.message().body.size();
  while (holds_too_much()) {
    const auto last = std::prev(waiting_.end());
    const auto left = std::chrono::ceil<milliseconds>(last->first - core_->now());
    take(last).hand_back(std::clamp(left, kBackMin, kBackMax));
  }
  arm();
}

bool RetryWorker::holds_too_much() const {
  return waiting_.size() > 1 && (waiting_.size() > kept_.deliveries || bytes_ > kept_.bytes);
}

Item RetryWorker::take(std::multimap<Timestamp, Item>::iterator at) {
  bytes_ -= at->second.message().body.size();
  return std::move(waiting_.extract(at).mapped());
}

void RetryWorker::arm() {
  if (waiting_.empty()) return timer_->cancel();
  const auto left = std::chrono::ceil<milliseconds>(waiting_.begin()->first - core_->now());
  timer_->set_after(std::clamp(left, milliseconds{0}, kLookAgain), [this] { send_due(); });
}

void RetryWorker::send_due() {
  const auto now = core_->now();
  while (!waiting_.empty() && waiting_.begin()->first <= now) send(take(waiting_.begin()));
  arm();
}

void RetryWorker::send(const Item& item) const {
  const auto& kept = item.message();
  TopicMessage signal;
  const auto wanted = kept.properties.find(kDueFor);
  const bool webhook = wanted != kept.properties.end() && wanted->second == to_string(TopicRole::webhooks);
  signal.topic =
      core_->topic(webhook ? TopicRole::webhooks : TopicRole::tool_signals, item.envelope().name_space);
  signal.message.body = kept.body;
  signal.message.key = item.envelope().request_id;
  signal.message.properties = kept.properties;
  for (const auto name : {kDueAt, kDueFor})
    if (const auto found = signal.message.properties.find(name); found != signal.message.properties.end())
      signal.message.properties.erase(found);
  std::vector<TopicMessage> messages;
  messages.push_back(std::move(signal));
  item.forward(std::move(messages));
}

}  // namespace geminga::orchestrator
