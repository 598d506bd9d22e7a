#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/broker.hpp"
#include "broker/volatile_topic.hpp"

namespace geminga::broker {

/// All non-persistent topics, by their full names. One is there while somebody is connected, or from its
/// creation to its deletion; no restart brings it back. Any thread; nothing blocks.
class VolatileTopics : public std::enable_shared_from_this<VolatileTopics> {
 public:
  static constexpr std::string_view kScheme = "non-persistent://";
  static bool names(std::string_view topic) { return topic.starts_with(kScheme); }
  /// The error of a call that needs something kept.
  static std::unexpected<Error> keeps_nothing(std::string_view topic);

  /// `publish`: of the persistent topics, for forwards to them.
  using Publish = std::function<void(std::vector<Publication>, Done<std::vector<MessageId>>)>;
  VolatileTopics(const base::Clock& clock, Publish publish) : clock_(clock), publish_(std::move(publish)) {}

  /// Errors: already_exists.
  Result<> create(const std::string& name);
  /// Errors: topic_not_found, conflict (somebody is connected and not `force`).
  Result<> remove(const std::string& name, bool force);
  /// Errors: producer_busy, invalid_argument (exclusive access, whose epochs would have to be kept).
  Result<ProducerPtr> create_producer(const std::string& topic, RegisterOptions options);
  /// The subscription is there while consumers are. Errors: as Broker::subscribe; invalid_argument
  /// (earliest).
  Result<ConsumerPtr> subscribe(const std::string& topic, const SubscribeOptions& options,
                                std::shared_ptr<DeliverySink> sink);
  /// Errors: invalid_argument (any start but latest).
  Result<ReaderPtr> create_reader(const std::string& topic, const ReaderStart& start, Permits permits,
                                  std::shared_ptr<DeliverySink> sink);
  /// Errors: topic_not_found.
  [[nodiscard]] Result<TopicStats> stats(const std::string& topic) const;
  /// Without a producer. Errors: as VolatileTopic::publish.
  Result<std::vector<MessageId>> publish_to(const std::string& topic, std::vector<storage::Append> entries);
  [[nodiscard]] std::vector<std::string> names_in(const std::string& tenant_and_namespace) const;
  /// A handle was closed: the topic goes with the last one.
  void released(const VolatileTopicPtr& topic);
  /// Publishes to persistent topics.
  void publish(std::vector<Publication> publications, Done<std::vector<MessageId>> done) {
    publish_(std::move(publications), std::move(done));
  }
  void close(const Error& reason);

 private:
  // Under mutex_:
  Result<VolatileTopicPtr> open(const std::string& name);
  void drop_if_unused(const VolatileTopicPtr& topic);

  const base::Clock& clock_;
  const Publish publish_;
  mutable std::mutex mutex_;  // guards what follows; taken before that of a topic
  std::map<std::string, VolatileTopicPtr, std::less<>> topics_;
  std::set<std::string, std::less<>> created_;  ///< stay without anybody
  std::optional<Error> closed_;
};

}  // namespace geminga::broker
