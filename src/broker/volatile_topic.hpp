#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "broker/broker.hpp"
#include "broker/chunk_order.hpp"
#include "broker/recipients.hpp"

namespace geminga::broker {

/// A non-persistent topic: what is published goes at once to whoever is connected and has permits, and is
/// dropped for all others. Nothing is kept, so nothing comes again. Any thread; sinks are called under its
/// lock, which keeps the order, by the thread that publishes or subscribes.
class VolatileTopic {
 public:
  VolatileTopic(std::string name, const base::Clock& clock) : name_(std::move(name)), clock_(clock) {}

  [[nodiscard]] const std::string& name() const { return name_; }

  /// Errors: topic_not_found (deleted meanwhile), invalid_argument (what only a persistent topic does).
  Result<std::vector<MessageId>> publish(std::vector<storage::Append> entries);

  Result<> add_producer(const std::string& name);
  void remove_producer(const std::string& name);

  /// A consumer's place. A reader has a subscription of its own, with a name that nobody else can have.
  struct Seat {
    std::string subscription;
    ConsumerNumber number = 0;
  };
  Result<Seat> attach(const SubscribeOptions& options, std::shared_ptr<DeliverySink> sink);
  Result<Seat> attach_reader(Permits permits, std::shared_ptr<DeliverySink> sink);
  void flow(const Seat& seat, Permits more);
  void stop(const Seat& seat);
  /// After it returns nothing reaches the sink.
  void detach(const Seat& seat);
  /// It will not come again: counted as dropped.
  void give_up(const Seat& seat, std::uint64_t messages);

  /// Errors: conflict (somebody is connected and not `force`).
  Result<> remove(bool force);
  void shut_down(const Error& reason);
  /// Nobody is connected.
  [[nodiscard]] bool unused() const;
  [[nodiscard]] TopicStats stats() const;

 private:
  struct Connected {
    std::shared_ptr<DeliverySink> sink;
    std::vector<HashRange> hash_ranges;
    std::optional<bool> told_active;  ///< Failover: what it heard last
  };
  struct Subscription {
    SubscriptionType type = SubscriptionType::exclusive;
    bool reader = false;
    Recipients recipients{-1};
    KeyOwners owners;  ///< Key_Shared only
    std::map<ConsumerNumber, Connected> consumers;
    /// Shared: who has the beginning of a message in chunks, by producer and sequence id.
    std::map<std::pair<std::uint64_t, std::uint64_t>, ConsumerNumber> chunked;
    std::uint64_t messages_out = 0, bytes_out = 0, dropped = 0;
  };
  // Under mutex_:
  Result<> check_open() const;
  Result<> check_attach(const Subscription& subscription, const SubscribeOptions& options) const;
  void offer(Subscription& subscription, const storage::Entry& entry);
  [[nodiscard]] static ConsumerNumber choose(Subscription& subscription, const storage::EntryHeader& header);
  [[nodiscard]] static ConsumerNumber choose_for_chunk(Subscription& subscription,
                                                       const storage::EntryHeader& header);
  static void tell_who_is_active(Subscription& subscription);
  [[nodiscard]] std::size_t connected() const;

  const std::string name_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, Subscription> subscriptions_;
  std::set<std::string> producers_;
  std::optional<Error> ended_;
  ConsumerNumber last_consumer_ = 0;
  std::uint64_t next_entry_ = 0;
  Timestamp last_publish_time_{};
  std::uint64_t messages_in_ = 0, bytes_in_ = 0, messages_out_ = 0, bytes_out_ = 0, dropped_ = 0;
};
using VolatileTopicPtr = std::shared_ptr<VolatileTopic>;

}  // namespace geminga::broker
