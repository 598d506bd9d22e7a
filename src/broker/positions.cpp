#include <fmt/format.h>

#include "broker/broker_impl.hpp"

namespace geminga::broker {
namespace {

/// Calls `work` with the subscription and the answer on the topic's core. Errors: subscription_not_found.
template <class Work>
void with_subscription(const TopicPtr& topic, std::string subscription, Done<void> done, Work work) {
  topic->core().loop.post([topic, subscription = std::move(subscription), work = std::move(work),
                           answer = Answer<void>(std::move(done))]() mutable {
    if (const SubscriptionPtr found = topic->find(subscription)) return work(*found, std::move(answer));
    answer(fail(ErrorCode::subscription_not_found,
                fmt::format("topic {} has no subscription '{}'", topic->name(), subscription)));
  });
}

}  // namespace

void BrokerImpl::skip_all(TopicPtr topic, std::string subscription, Done<void> done) {
  with_subscription(topic, std::move(subscription), std::move(done),
                    [](Subscription& found, Answer<void> answer) { found.skip_all(std::move(answer)); });
}

void BrokerImpl::skip(TopicPtr topic, std::string subscription, std::uint64_t entries, Done<void> done) {
  with_subscription(
      topic, std::move(subscription), std::move(done),
      [entries](Subscription& found, Answer<void> answer) { found.skip(entries, std::move(answer)); });
}

void BrokerImpl::expire(TopicPtr topic, std::string subscription, Timestamp before, Done<void> done) {
  with_subscription(
      topic, std::move(subscription), std::move(done),
      [before](Subscription& found, Answer<void> answer) { found.expire(before, std::move(answer)); });
}

void BrokerImpl::seek(TopicPtr topic, std::string subscription, SeekTarget target, Done<void> done) {
  with_subscription(
      topic, std::move(subscription), std::move(done),
      [target](Subscription& found, Answer<void> answer) { found.seek(target, std::move(answer)); });
}

}  // namespace geminga::broker
