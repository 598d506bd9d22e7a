#pragma once

#include <memory>

#include "broker/broker.hpp"
#include "bus/engine.hpp"

namespace geminga::engines::embedded {

class EmbeddedAdmin final : public bus::EngineAdmin {
 public:
  /// The broker must outlive it.
  explicit EmbeddedAdmin(broker::Broker& broker) : broker_(broker) {}
  Result<> create_tenant(const std::string& tenant) override;
  Result<> create_namespace(const std::string& tenant_and_namespace) override;
  Result<std::vector<std::string>> tenants() override;
  Result<std::vector<std::string>> namespaces(const std::string& tenant) override;
  Result<std::vector<std::string>> topics(const std::string& tenant_and_namespace) override;
  Result<> create_topic(const std::string& topic) override;
  Result<> delete_topic(const std::string& topic, bool force) override;
  Result<std::optional<MessageId>> terminate_topic(const std::string& topic) override;
  Result<> compact_topic(const std::string& topic) override;
  Result<> await_compaction(const std::string& topic, std::chrono::milliseconds timeout) override;
  Result<> set_policies(const std::string& topic, const Policies& policies) override;
  Result<> set_namespace_policies(const std::string& tenant_and_namespace, const Policies& policies) override;
  Result<Policies> policies(const std::string& topic) override;
  Result<Policies> namespace_policies(const std::string& tenant_and_namespace) override;
  Result<> create_partitioned_topic(const std::string& topic, std::uint32_t partitions) override;
  Result<> update_partitioned_topic(const std::string& topic, std::uint32_t partitions) override;
  Result<std::uint32_t> partitions(const std::string& topic) override;
  Result<std::vector<PartitionedTopic>> partitioned_topics(const std::string& tenant_and_namespace) override;
  Result<> set_retention(const std::string& topic, RetentionPolicy policy) override;
  Result<> create_subscription(const std::string& topic, const std::string& subscription,
                               InitialPosition position) override;
  Result<> delete_subscription(const std::string& topic, const std::string& subscription) override;
  Result<> skip_all(const std::string& topic, const std::string& subscription) override;
  Result<> skip(const std::string& topic, const std::string& subscription, std::uint64_t entries) override;
  Result<> expire(const std::string& topic, const std::string& subscription, Timestamp before) override;
  Result<> seek(const std::string& topic, const std::string& subscription, const SeekTarget& target) override;
  Result<TopicStats> stats(const std::string& topic) override;
  Result<std::vector<Message>> browse(const std::string& topic, std::optional<MessageId> after,
                                      std::uint32_t limit) override;

 private:
  Result<broker::TopicPtr> find(const std::string& topic, bool create);
  broker::Broker& broker_;
};

}  // namespace geminga::engines::embedded
