#include "broker/subscription_consumer.hpp"

#include <fmt/format.h>

#include "broker/answer.hpp"
#include "broker/subscription.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {

SubscriptionConsumer::SubscriptionConsumer(TopicPtr topic, std::shared_ptr<Subscription> subscription,
                                           ConsumerNumber number)
    : topic_(std::move(topic)), subscription_(std::move(subscription)), number_(number) {}

SubscriptionConsumer::~SubscriptionConsumer() {
  on_core([](Subscription& subscription, ConsumerNumber number) { subscription.detach(number); });
}

template <class Work>
void SubscriptionConsumer::on_core(Work work) {
  topic_->core().loop.post([topic = topic_, subscription = subscription_, number = number_,
                            work = std::move(work)]() mutable { work(*subscription, number); });
}

void SubscriptionConsumer::flow(Permits more) {
  on_core([more](Subscription& subscription, ConsumerNumber number) { subscription.flow(number, more); });
}

void SubscriptionConsumer::acknowledge(Acknowledgement what, Done<void> done) {
  on_core([what = std::move(what), answer = Answer<void>(std::move(done))](Subscription& subscription,
                                                                           ConsumerNumber number) mutable {
    subscription.acknowledge(number, what, std::move(answer));
  });
}

void SubscriptionConsumer::acknowledge_each(std::vector<EntryId> entries, Done<std::vector<EntryId>> done) {
  on_core([entries = std::move(entries), answer = Answer<std::vector<EntryId>>(std::move(done))](
              Subscription& subscription, ConsumerNumber number) mutable {
    subscription.acknowledge_each(number, std::move(entries), std::move(answer));
  });
}

void SubscriptionConsumer::acknowledge_ids(IdAcknowledgement what, Done<void> done) {
  on_core([what = std::move(what), answer = Answer<void>(std::move(done))](Subscription& subscription,
                                                                           ConsumerNumber number) mutable {
    subscription.acknowledge_ids(number, what, std::move(answer));
  });
}

void SubscriptionConsumer::redeliver_ids(std::vector<MessageId> ids) {
  on_core([ids = std::move(ids)](Subscription& subscription, ConsumerNumber number) {
    subscription.redeliver_ids(number, ids);
  });
}

void SubscriptionConsumer::redeliver(std::vector<EntryId> entries, std::chrono::milliseconds delay,
                                     bool counts) {
  on_core([entries = std::move(entries), delay, counts](Subscription& subscription, ConsumerNumber number) {
    subscription.redeliver(number, entries, delay, counts);
  });
}

void SubscriptionConsumer::redeliver_all() {
  on_core([](Subscription& subscription, ConsumerNumber number) { subscription.redeliver_all(number); });
}

void SubscriptionConsumer::seek(SeekTarget target, Done<void> done) {
  on_core([target, answer = Answer<void>(std::move(done))](Subscription& subscription,
                                                           ConsumerNumber /*number*/) mutable {
    subscription.seek(target, std::move(answer));
  });
}

void SubscriptionConsumer::forward(Acknowledgement what, std::vector<Publication> publications,
                                   Done<std::vector<MessageId>> done) {
  on_core([what = std::move(what), publications = std::move(publications),
           answer = Answer<std::vector<MessageId>>(std::move(done))](Subscription& subscription,
                                                                     ConsumerNumber number) mutable {
    subscription.forward(number, what, std::move(publications), std::move(answer));
  });
}

void SubscriptionConsumer::stop(Done<void> done) {
  on_core(
      [answer = Answer<void>(std::move(done))](Subscription& subscription, ConsumerNumber number) mutable {
        subscription.stop(number);
        answer(Result<>{});
      });
}

void SubscriptionConsumer::close(Done<void> done) {
  on_core(
      [answer = Answer<void>(std::move(done))](Subscription& subscription, ConsumerNumber number) mutable {
        subscription.detach(number);
        answer(Result<>{});
      });
}

void SubscriptionConsumer::unsubscribe(Done<void> done) {
  on_core([topic = topic_, answer = Answer<void>(std::move(done))](Subscription& subscription,
                                                                   ConsumerNumber number) mutable {
    if (!subscription.durable()) {
      subscription.detach(number);
      return answer(Result<>{});
    }
    if (topic->find(subscription.row().name).get() != &subscription)
      return answer(fail(ErrorCode::subscription_not_found,
                         fmt::format("subscription '{}' was removed before", subscription.row().name)));
    // Its own connection may stand; it ends with the subscription.
    topic->remove_subscription(subscription.row().name, subscription.has_consumer(number) ? 1 : 0,
                               std::move(answer));
  });
}

}  // namespace geminga::broker
