#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "broker/answer.hpp"
#include "broker/context.hpp"
#include "broker/partition_table.hpp"
#include "broker/recovery.hpp"
#include "broker/schemas/schema_registry.hpp"
#include "broker/topic.hpp"
#include "broker/topic_registry.hpp"
#include "broker/volatile_topics.hpp"

namespace geminga::broker {

class BrokerImpl final : public Broker, public storage::LogListener {
 public:
  explicit BrokerImpl(ContextPtr context);
  ~BrokerImpl() override;
  Result<> start();

  void open_topic(std::string name, bool create, Done<TopicPtr> done) override;
  void publish(std::vector<Publication> publications, Done<std::vector<MessageId>> done) override;
  void subscribe(TopicPtr topic, SubscribeOptions options, std::shared_ptr<DeliverySink> sink,
                 Done<ConsumerPtr> done) override;
  void create_reader(TopicPtr topic, ReaderStart start, Permits permits, std::shared_ptr<DeliverySink> sink,
                     Done<ReaderPtr> done) override;
  void create_producer(TopicPtr topic, RegisterOptions options, Done<ProducerPtr> done) override;
  void create_tenant(std::string tenant, Done<void> done) override;
  void create_namespace(std::string tenant_and_namespace, Done<void> done) override;
  void create_topic(std::string name, Done<void> done) override;
  void delete_topic(std::string name, bool force, Done<void> done) override;
  VolatileTopics& volatile_topics() override { return *volatile_topics_; }
  SchemaRegistry& schemas() override { return schemas_; }
  void terminate_topic(TopicPtr topic, Done<std::optional<MessageId>> done) override;
  void create_partitioned_topic(std::string name, std::uint32_t partitions, Done<void> done) override;
  void grow_partitions(std::string name, std::uint32_t partitions, Done<void> done) override;
  [[nodiscard]] std::uint32_t partitions(const std::string& name) const override;
  [[nodiscard]] PartitionWatch watch_partitions(const std::string& name, PartitionCallback changed) override;
  [[nodiscard]] std::vector<PartitionedTopic> partitioned_topics(
      const std::string& tenant_and_namespace) const override;
  void set_retention(TopicPtr topic, RetentionPolicy policy, Done<void> done) override;
  void set_policies(TopicPtr topic, Policies policies, Done<void> done) override;
  void set_namespace_policies(std::string tenant_and_namespace, Policies policies, Done<void> done) override;
  void policies(TopicPtr topic, Done<Policies> done) override;
  Result<Policies> namespace_policies(const std::string& tenant_and_namespace) override;
  void create_subscription(TopicPtr topic, std::string subscription, InitialPosition position,
                           Properties properties, Done<void> done) override;
  void delete_subscription(TopicPtr topic, std::string subscription, Done<void> done) override;
  void skip_all(TopicPtr topic, std::string subscription, Done<void> done) override;
  void skip(TopicPtr topic, std::string subscription, std::uint64_t entries, Done<void> done) override;
  void expire(TopicPtr topic, std::string subscription, Timestamp before, Done<void> done) override;
  void seek(TopicPtr topic, std::string subscription, SeekTarget target, Done<void> done) override;
  void trim(TopicPtr topic, Done<void> done) override;
  void compact(TopicPtr topic, Done<void> begun) override;
  void await_compaction(TopicPtr topic, Done<void> done) override;
  void stats(TopicPtr topic, Done<TopicStats> done) override;
  void browse(TopicPtr topic, std::optional<MessageId> after, std::uint32_t limit,
              Done<std::vector<storage::Entry>> done) override;
  Result<std::vector<std::string>> tenants() override;
  Result<std::vector<std::string>> namespaces(const std::string& tenant) override;
  Result<std::vector<std::string>> topics(const std::string& tenant_and_namespace) override;
  [[nodiscard]] BrokerStats broker_stats() const override;
  Result<> announce(const std::string& addresses) override {
    return context_->directory->announce(addresses);
  }
  Result<> close() override;

  // Journal thread.
  void on_durable(std::span<const storage::Entry> entries) override;
  void on_disk_error(const Error& error) override;
  // Background thread of the log.
  void on_forgotten(std::span<const storage::TopicId> topics) override;

 private:
  Result<> open_log(const StoredNames& names);
  void start_trimming(std::size_t number);
  /// On that core: all that is connected to its topics hears `reason`, and nobody may connect any more.
  void end_topics(std::size_t number, const Error& reason);
  void delete_inactive(const TopicPtr& topic);
  Answer<void> forgetting(const TopicPtr& topic, Answer<void> answer);
  void create_missing(const std::string& name);
  /// Tenant and namespace of a topic, where they are missing.
  void make_namespace(const std::string& topic, Done<void> done);
  /// `unknown`: an attempt before found the name taken by a topic that nobody knows.
  void create_row(const std::string& name, bool unknown);
  void give_retention(const TopicPtr& topic);
  void topic_opened(const std::string& name, const Result<TopicPtr>& topic);

  // partitions.cpp
  /// Changes of partitioned topics come one after the other: the next one begins when the last owner of its
  /// turn has gone.
  using Turn = std::shared_ptr<void>;
  void in_turn(std::move_only_function<void(Turn)> change);
  void next_partition_change();
  void delete_partitioned_topic(std::string name, bool force, Done<void> done);
  void reveal(const std::string& name, std::uint32_t partitions, const std::vector<TopicPtr>& topics);
  void gone(const std::string& name, const std::vector<TopicPtr>& partitions);

  const ContextPtr context_;
  PartitionTable partition_table_;
  TopicRegistry topics_;
  SchemaRegistry schemas_;
  std::vector<std::unique_ptr<base::Timer>> trim_timers_;                 ///< one per core, touched on it
  std::vector<std::unordered_map<storage::TopicId, DurableNote>> notes_;  ///< journal thread; one per core
  std::mutex close_mutex_;  ///< a second close() waits for the first
  bool closed_ = false;

  const std::shared_ptr<VolatileTopics> volatile_topics_;
  mutable std::mutex mutex_;  // guards what follows
  std::deque<std::move_only_function<void(Turn)>> partition_changes_;
  bool partitions_change_ = false;
  std::map<std::string, std::vector<Answer<TopicPtr>>> creating_;
};

}  // namespace geminga::broker
