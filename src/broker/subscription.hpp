#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/answer.hpp"
#include "broker/context.hpp"
#include "broker/dispatcher.hpp"
#include "storage/metadata.hpp"

namespace geminga::broker {

class SubscriptionConsumer;

/// A durable subscription: a dispatcher, the consumers it sends to, and the records of what was acknowledged.
/// Every member on the topic's core.
class Subscription : public std::enable_shared_from_this<Subscription> {
 public:
  Subscription(ContextPtr context, Topic& topic, storage::SubscriptionRow row, storage::CursorState cursor);
  ~Subscription();

  /// Errors: consumer_busy, subscription_type_mismatch.
  Result<ConsumerPtr> attach(const SubscribeOptions& options, std::shared_ptr<DeliverySink> sink);
  void detach(ConsumerNumber consumer);
  void stop(ConsumerNumber consumer) { dispatcher_.stop_consumer(consumer); }
  void flow(ConsumerNumber consumer, Permits more);
  void acknowledge(ConsumerNumber consumer, std::vector<EntryId> entries, Answer<void> answer);
  void redeliver(ConsumerNumber consumer, const std::vector<EntryId>& entries,
                 std::chrono::milliseconds delay, bool counts);
  void forward(ConsumerNumber consumer, EntryId entry, std::vector<Publication> publications,
               Answer<std::vector<MessageId>> answer);
  void skip_all(Answer<void> answer);

  /// Sends what can be sent; called after anything changed.
  void pump();
  /// Consumers hear `reason`; acknowledgements that wait are handed to the log; no timer is left.
  void shut_down(const Error& reason);

  [[nodiscard]] const storage::SubscriptionRow& row() const { return row_; }
  [[nodiscard]] EntryId acknowledged_before() const { return dispatcher_.cursor().next; }
  [[nodiscard]] std::size_t consumer_count() const { return consumers_.size(); }
  [[nodiscard]] SubscriptionStats stats() const;

 private:
  struct Connected {
    std::shared_ptr<DeliverySink> sink;
    std::vector<Delivered> outbox;  ///< filled by the dispatcher, handed over at the end of a pump
  };
  struct AckBatch {
    std::vector<EntryId> entries;
    std::vector<Answer<void>> answers;
  };

  void adopt_type(const SubscribeOptions& options);
  bool read(const Dispatcher::Want& want, Now now);
  void read_done(const Dispatcher::Want& want, Result<std::vector<storage::Entry>> entries);
  void reading_failed(const Error& error);
  void hand_over();
  void arm_timer(Now now);
  void say_when_paused();
  void flush_acknowledgements();
  void acknowledgements_done(AckBatch batch, const Result<storage::Receipt>& receipt);

  const ContextPtr context_;
  Topic& topic_;  ///< owns this
  storage::SubscriptionRow row_;
  Dispatcher dispatcher_;
  std::map<ConsumerNumber, Connected> consumers_;
  ConsumerNumber last_consumer_ = 0;
  std::unique_ptr<base::Timer> timer_;
  AckBatch acknowledging_;
  bool flush_posted_ = false;
  bool reading_ = false;
  bool pumping_ = false;
  bool paused_ = false;
  bool shut_down_ = false;
};
using SubscriptionPtr = std::shared_ptr<Subscription>;

/// Builds one journal record from publications, in order. Errors: topic_not_found (deleted meanwhile).
Result<std::vector<storage::Operation>> to_operations(std::vector<Publication> publications);
std::vector<MessageId> to_message_ids(const storage::Receipt& receipt);

}  // namespace geminga::broker
