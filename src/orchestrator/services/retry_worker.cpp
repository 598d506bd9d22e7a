#include "orchestrator/services/retry_worker.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <geminga/admin.hpp>

#include "base/try.hpp"

namespace geminga::orchestrator {
namespace {

using std::chrono::milliseconds;

/// In memory at once; more of them stay on the bus and come again.
constexpr std::size_t kWaitingMax = 20'000;
constexpr milliseconds kNoRoom{1'000};
/// Somewhat more, so that one which must go back is seen.
constexpr IntakeLimits kLimits{.deliveries = kWaitingMax + 1'000, .bytes = std::size_t{1} << 30U};
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

std::shared_ptr<Intakes> make_tier(const std::shared_ptr<Core>& core, TopicRole role) {
  return std::make_shared<Intakes>(
      core, "retry-worker", role, kRetrySubscription,
      [core, role](const std::string& name_space) { return is_used(*core, role, name_space); }, kLimits);
}

}  // namespace

RetryWorker::RetryWorker(std::shared_ptr<Core> core)
    : core_(std::move(core)),
      tiers_{make_tier(core_, TopicRole::first_retry), make_tier(core_, TopicRole::later_retry)} {}

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
  if (waiting_.size() >= kWaitingMax) return item.hand_back(kNoRoom);
  waiting_.emplace(due, item);
  arm();
}

void RetryWorker::arm() {
  if (waiting_.empty()) return timer_->cancel();
  const auto left = std::chrono::ceil<milliseconds>(waiting_.begin()->first - core_->now());
  timer_->set_after(std::clamp(left, milliseconds{0}, kLookAgain), [this] { send_due(); });
}

void RetryWorker::send_due() {
  const auto now = core_->now();
  while (!waiting_.empty() && waiting_.begin()->first <= now)
    send(waiting_.extract(waiting_.begin()).mapped());
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
