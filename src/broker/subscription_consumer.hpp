#pragma once

#include <memory>

#include "broker/broker.hpp"
#include "broker/key_order.hpp"

namespace geminga::broker {

class Subscription;

/// The handle that users hold: takes calls from any thread to the topic's core.
class SubscriptionConsumer final : public Consumer {
 public:
  SubscriptionConsumer(TopicPtr topic, std::shared_ptr<Subscription> subscription, ConsumerNumber number);
  ~SubscriptionConsumer() override;
  void flow(Permits more) override;
  void acknowledge(Acknowledgement what, Done<void> done) override;
  void acknowledge_each(std::vector<EntryId> entries, Done<std::vector<EntryId>> done) override;
  void acknowledge_ids(IdAcknowledgement what, Done<void> done) override;
  void redeliver_ids(std::vector<MessageId> ids) override;
  void redeliver(std::vector<EntryId> entries, std::chrono::milliseconds delay, bool counts) override;
  void redeliver_all() override;
  void seek(SeekTarget target, Done<void> done) override;
  void forward(Acknowledgement what, std::vector<Publication> publications,
               Done<std::vector<MessageId>> done) override;
  void stop(Done<void> done) override;
  void close(Done<void> done) override;
  void unsubscribe(Done<void> done) override;

 private:
  template <class Work>
  void on_core(Work work);

  const TopicPtr topic_;
  const std::shared_ptr<Subscription> subscription_;
  const ConsumerNumber number_;
};

}  // namespace geminga::broker
