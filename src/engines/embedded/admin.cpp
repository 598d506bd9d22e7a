#include "engines/embedded/admin.hpp"

#include <utility>

#include "base/try.hpp"
#include "broker/volatile_topics.hpp"
#include "engines/embedded/messages.hpp"
#include "engines/embedded/own_properties.hpp"
#include "engines/embedded/waiting.hpp"

namespace geminga::engines::embedded {

namespace {

constexpr std::size_t kBrowseBytes = 8 << 20;  // of bodies; what is looked at stands in memory

}  // namespace

Result<broker::TopicPtr> EmbeddedAdmin::find(const std::string& topic, bool create) {
  return wait<broker::TopicPtr>("open topic",
                                [&](auto done) { broker_.open_topic(topic, create, std::move(done)); });
}

Result<> EmbeddedAdmin::create_tenant(const std::string& tenant) {
  return wait<void>("create tenant", [&](auto done) { broker_.create_tenant(tenant, std::move(done)); });
}

Result<> EmbeddedAdmin::create_namespace(const std::string& name) {
  return wait<void>("create namespace", [&](auto done) { broker_.create_namespace(name, std::move(done)); });
}

Result<std::vector<std::string>> EmbeddedAdmin::tenants() {
  return broker_.tenants();
}

Result<std::vector<std::string>> EmbeddedAdmin::namespaces(const std::string& tenant) {
  return broker_.namespaces(tenant);
}

Result<std::vector<std::string>> EmbeddedAdmin::topics(const std::string& tenant_and_namespace) {
  return broker_.topics(tenant_and_namespace);
}

Result<> EmbeddedAdmin::create_topic(const std::string& topic) {
  return wait<void>("create topic", [&](auto done) { broker_.create_topic(topic, std::move(done)); });
}

Result<> EmbeddedAdmin::delete_topic(const std::string& topic, bool force) {
  return wait<void>("delete topic", [&](auto done) { broker_.delete_topic(topic, force, std::move(done)); });
}

Result<> EmbeddedAdmin::create_partitioned_topic(const std::string& topic, std::uint32_t partitions) {
  return wait<void>("create partitioned topic",
                    [&](auto done) { broker_.create_partitioned_topic(topic, partitions, std::move(done)); });
}

Result<> EmbeddedAdmin::update_partitioned_topic(const std::string& topic, std::uint32_t partitions) {
  return wait<void>("update partitioned topic",
                    [&](auto done) { broker_.grow_partitions(topic, partitions, std::move(done)); });
}

Result<std::uint32_t> EmbeddedAdmin::partitions(const std::string& topic) {
  return broker_.partitions(topic);
}

Result<std::vector<PartitionedTopic>> EmbeddedAdmin::partitioned_topics(const std::string& name) {
  return broker_.partitioned_topics(name);
}

Result<> EmbeddedAdmin::set_retention(const std::string& topic, RetentionPolicy policy) {
  GEMINGA_TRY(auto found, find(topic, false));
  return wait<void>("set retention",
                    [&](auto done) { broker_.set_retention(found, policy, std::move(done)); });
}

Result<std::optional<MessageId>> EmbeddedAdmin::terminate_topic(const std::string& topic) {
  GEMINGA_TRY(auto found, find(topic, false));
  return wait<std::optional<MessageId>>("terminate topic",
                                        [&](auto done) { broker_.terminate_topic(found, std::move(done)); });
}

Result<> EmbeddedAdmin::compact_topic(const std::string& topic) {
  GEMINGA_TRY(auto found, find(topic, false));
  return wait<void>("compact topic", [&](auto done) { broker_.compact(found, std::move(done)); });
}

Result<> EmbeddedAdmin::await_compaction(const std::string& topic, std::chrono::milliseconds timeout) {
  GEMINGA_TRY(auto found, find(topic, false));
  return base::await<void>([&](auto done) { broker_.await_compaction(found, std::move(done)); }, timeout,
                           "compaction");
}

Result<> EmbeddedAdmin::set_policies(const std::string& topic, const Policies& policies) {
  GEMINGA_TRY(auto found, find(topic, false));
  return wait<void>("set policies",
                    [&](auto done) { broker_.set_policies(found, policies, std::move(done)); });
}

Result<> EmbeddedAdmin::set_namespace_policies(const std::string& name, const Policies& policies) {
  return wait<void>("set policies",
                    [&](auto done) { broker_.set_namespace_policies(name, policies, std::move(done)); });
}

Result<Policies> EmbeddedAdmin::policies(const std::string& topic) {
  GEMINGA_TRY(auto found, find(topic, false));
  return wait<Policies>("policies", [&](auto done) { broker_.policies(found, std::move(done)); });
}

Result<Policies> EmbeddedAdmin::namespace_policies(const std::string& name) {
  return broker_.namespace_policies(name);
}

Result<> EmbeddedAdmin::create_subscription(const std::string& topic, const std::string& subscription,
                                            InitialPosition position) {
  GEMINGA_TRY(auto found, find(topic, true));
  return wait<void>("create subscription", [&](auto done) {
    broker_.create_subscription(found, subscription, position, own_properties(), std::move(done));
  });
}

Result<> EmbeddedAdmin::delete_subscription(const std::string& topic, const std::string& subscription) {
  GEMINGA_TRY(auto found, find(topic, false));
  return wait<void>("delete subscription",
                    [&](auto done) { broker_.delete_subscription(found, subscription, std::move(done)); });
}

Result<> EmbeddedAdmin::skip_all(const std::string& topic, const std::string& subscription) {
  GEMINGA_TRY(auto found, find(topic, false));
  return wait<void>("skip all", [&](auto done) { broker_.skip_all(found, subscription, std::move(done)); });
}

Result<> EmbeddedAdmin::skip(const std::string& topic, const std::string& subscription,
                             std::uint64_t entries) {
  GEMINGA_TRY(auto found, find(topic, false));
  return wait<void>("skip", [&](auto done) { broker_.skip(found, subscription, entries, std::move(done)); });
}

Result<> EmbeddedAdmin::expire(const std::string& topic, const std::string& subscription, Timestamp before) {
  GEMINGA_TRY(auto found, find(topic, false));
  return wait<void>("expire",
                    [&](auto done) { broker_.expire(found, subscription, before, std::move(done)); });
}

Result<> EmbeddedAdmin::seek(const std::string& topic, const std::string& subscription,
                             const SeekTarget& target) {
  GEMINGA_TRY(auto found, find(topic, false));
  return wait<void>("seek", [&](auto done) { broker_.seek(found, subscription, target, std::move(done)); });
}

Result<TopicStats> EmbeddedAdmin::stats(const std::string& topic) {
  if (broker::VolatileTopics::names(topic)) return broker_.volatile_topics().stats(topic);
  GEMINGA_TRY(auto found, find(topic, false));
  return wait<TopicStats>("stats", [&](auto done) { broker_.stats(found, std::move(done)); });
}

namespace {

/// So that what is behind it begins with this entry.
std::optional<MessageId> before_entry(MessageId id) {
  if (id.entry.value == 0) return std::nullopt;
  id.entry.value -= 1;
  return id;
}

}  // namespace

Result<std::vector<Message>> EmbeddedAdmin::browse(const std::string& topic, std::optional<MessageId> after,
                                                   std::uint32_t limit) {
  GEMINGA_TRY(auto found, find(topic, false));
  std::vector<Message> messages;
  std::size_t bytes = 0;
  const auto behind = after;
  if (after && after->batch_index >= 0) after = before_entry(*after);
  // One read ends at a number of bytes too; more is asked for until a limit or the end of the topic.
  while (messages.size() < limit && bytes < kBrowseBytes) {
    const auto left = static_cast<std::uint32_t>(limit - messages.size());
    GEMINGA_TRY(const auto entries, wait<std::vector<storage::Entry>>("browse", [&](auto done) {
                  broker_.browse(found, after, left, std::move(done));
                }));
    if (entries.empty()) break;
    for (const storage::Entry& entry : entries) {
      GEMINGA_TRY(auto some, to_messages(entry, topic, broker::topic_partition(*found)));
      for (Message& message : some) {
        // A batch is read once more from its first message on.
        if (messages.size() == limit || (behind && message.id <= *behind)) continue;
        after = message.id;
        bytes += message.body.size();
        messages.push_back(std::move(message));
      }
    }
  }
  return messages;
}

}  // namespace geminga::engines::embedded
