#include <fmt/format.h>

#include "base/log.hpp"
#include "base/topic_name.hpp"
#include "broker/broker_impl.hpp"
#include "broker/delay_choice.hpp"

namespace geminga::broker {
namespace {

/// What exists already is as good as made.
bool there(const Result<>& result) {
  return result || result.error().code == ErrorCode::already_exists;
}

}  // namespace

void BrokerImpl::open_topic(std::string name, bool create, Done<TopicPtr> done) {
  if (TopicPtr found = topics_.find(name)) return done(std::move(found));
  if (VolatileTopics::names(name)) return done(VolatileTopics::keeps_nothing(name));
  if (auto plain = partition_table_.check_plain(name); !plain) return done(std::unexpected(plain.error()));
  if (!create) return done(fail(ErrorCode::topic_not_found, fmt::format("topic {} does not exist", name)));
  {
    const std::lock_guard lock(mutex_);
    auto& waiting = creating_[name];
    waiting.emplace_back(std::move(done));
    if (waiting.size() > 1) return;
  }
  create_missing(name);
}

/// Tenant, then namespace, then the topic itself; each on the metadata thread, one after the other.
void BrokerImpl::create_missing(const std::string& name) {
  make_namespace(name, [this, name](const Result<>& made) {
    if (!made) return topic_opened(name, std::unexpected(made.error()));
    create_row(name, false);
  });
}

void BrokerImpl::make_namespace(const std::string& topic, Done<void> done) {
  const auto parts = base::TopicName::parse(topic, "");
  if (!parts) return done(std::unexpected(parts.error()));
  const std::string tenant = parts->tenant;
  const std::string name_space = parts->namespace_path();
  if (topics_.knows_namespace(name_space)) return done({});
  context_->metadata->create_tenant(
      tenant, [this, name_space, done = std::move(done)](const Result<>& tenant_made) mutable {
        if (!there(tenant_made)) return done(std::unexpected(tenant_made.error()));
        context_->metadata->create_namespace(
            name_space, [this, name_space, done = std::move(done)](const Result<>& made) mutable {
              if (!there(made)) return done(std::unexpected(made.error()));
              topics_.add_namespace(name_space);
              done({});
            });
      });
}

void BrokerImpl::create_row(const std::string& name, bool unknown) {
  context_->metadata->create_topic(name, [this, name, unknown](Result<storage::TopicRow> row) {
    if (row) {
      TopicPtr made = topics_.add(*std::move(row));
      give_retention(made);
      return topic_opened(name, std::move(made));
    }
    if (row.error().code == ErrorCode::already_exists) {
      if (TopicPtr found = topics_.find(name)) return topic_opened(name, std::move(found));
      // One of that name is being deleted: its tombstone is about to be in the metadata, or came behind this
      // attempt and is there, which the next one sees.
      const bool known = topics_.knows(name);
      if (known || !unknown) return create_row(name, !known);
    }
    topic_opened(name, std::unexpected(row.error()));
  });
}

/// A topic that was made just now keeps what the options say. A crash before that is durable leaves one that
/// keeps nothing.
void BrokerImpl::give_retention(const TopicPtr& topic) {
  const BrokerOptions& options = context_->options;
  if (options.default_retention == RetentionPolicy{}) return;
  const auto parts = base::TopicName::parse(topic->name(), "");
  if (parts && options.without_defaults && options.without_defaults(parts->namespace_path())) return;
  set_retention(topic, options.default_retention, [name = topic->name()](const Result<>& stored) {
    if (!stored) log::warn("broker", "the retention of {} is not stored: {}", name, stored.error().message);
  });
}

/// Metadata thread.
void BrokerImpl::topic_opened(const std::string& name, const Result<TopicPtr>& topic) {
  std::vector<Answer<TopicPtr>> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (auto node = creating_.extract(name)) waiting = std::move(node.mapped());
  }
  for (Answer<TopicPtr>& answer : waiting) answer(topic);
}

void BrokerImpl::create_tenant(std::string tenant, Done<void> done) {
  context_->metadata->create_tenant(std::move(tenant), std::move(done));
}

void BrokerImpl::create_namespace(std::string tenant_and_namespace, Done<void> done) {
  context_->metadata->create_namespace(std::move(tenant_and_namespace), std::move(done));
}

void BrokerImpl::create_topic(std::string name, Done<void> done) {
  if (VolatileTopics::names(name)) return done(volatile_topics_->create(name));
  if (topics_.find(name) || partitions(name) > 0)
    return done(fail(ErrorCode::already_exists, fmt::format("topic {} exists already", name)));
  open_topic(std::move(name), true, [done = std::move(done)](const Result<TopicPtr>& topic) mutable {
    if (!topic) return done(std::unexpected(topic.error()));
    done({});
  });
}

void BrokerImpl::delete_topic(std::string name, bool force, Done<void> done) {
  if (VolatileTopics::names(name)) return done(volatile_topics_->remove(name, force));
  if (partitions(name) > 0) return delete_partitioned_topic(std::move(name), force, std::move(done));
  const TopicPtr topic = topics_.find(name);
  if (!topic) return done(fail(ErrorCode::topic_not_found, fmt::format("topic {} does not exist", name)));
  if (topic->partition() >= 0)
    return done(fail(ErrorCode::conflict,
                     fmt::format("{} is one of the partitions of a topic; delete that as a whole", name)));
  topic->core().loop.post([this, topic, force, answer = Answer<void>(std::move(done))]() mutable {
    topic->remove(force, forgetting(topic, std::move(answer)));
  });
}

/// Takes a topic out of the lists once it is removed.
Answer<void> BrokerImpl::forgetting(const TopicPtr& topic, Answer<void> answer) {
  return Answer<void>([this, topic, answer = std::move(answer)](Result<> removed) mutable {
    if (removed) {
      topics_.forget(topic);
      topic->core().loop.post([topic] { topic->core().topics.erase(topic->id()); });
    }
    answer(std::move(removed));
  });
}

void BrokerImpl::terminate_topic(TopicPtr topic, Done<std::optional<MessageId>> done) {
  topic->core().loop.post([topic, answer = Answer<std::optional<MessageId>>(std::move(done))]() mutable {
    topic->terminate(std::move(answer));
  });
}

void BrokerImpl::set_retention(TopicPtr topic, RetentionPolicy policy, Done<void> done) {
  const bool time_zero = policy.time && policy.time->count() == 0;
  const bool bytes_zero = policy.bytes && *policy.bytes == 0;
  if (time_zero != bytes_zero) {
    return done(fail(
        ErrorCode::invalid_argument,
        "retention with one limit zero would keep nothing; set both to zero, or leave one without limit"));
  }
  context_->metadata->set_retention(
      topic->id(), policy, [topic, policy, answer = Answer<void>(std::move(done))](Result<> stored) mutable {
        if (!stored) return answer(std::move(stored));
        topic->core().loop.post([topic, policy, answer = std::move(answer)]() mutable {
          topic->set_retention(policy);
          answer(Result<>{});
        });
      });
}

void BrokerImpl::create_subscription(TopicPtr topic, std::string subscription, InitialPosition position,
                                     Properties properties, Done<void> done) {
  if (auto checked = check_properties(properties); !checked) return done(std::move(checked));
  topic->core().loop.post([topic, subscription = std::move(subscription), position,
                           properties = std::move(properties),
                           answer = Answer<void>(std::move(done))]() mutable {
    if (topic->find(subscription)) {
      return answer(fail(ErrorCode::already_exists, fmt::format("topic {} has a subscription '{}' already",
                                                                topic->name(), subscription)));
    }
    auto finish = [answer = std::move(answer)](const Result<SubscriptionPtr>& made) mutable {
      if (!made) return answer(std::unexpected(made.error()));
      answer(Result<>{});
    };
    topic->find_or_create(subscription, {.position = position, .properties = std::move(properties)},
                          Answer<SubscriptionPtr>(std::move(finish)));
  });
}

void BrokerImpl::delete_subscription(TopicPtr topic, std::string subscription, Done<void> done) {
  topic->core().loop.post(
      [topic, subscription = std::move(subscription), answer = Answer<void>(std::move(done))]() mutable {
        topic->remove_subscription(subscription, 0, std::move(answer));
      });
}

void BrokerImpl::trim(TopicPtr topic, Done<void> done) {
  topic->core().loop.post([topic, answer = Answer<void>(std::move(done))]() mutable {
    topic->limits().tick();
    topic->trim(std::move(answer));
  });
}

void BrokerImpl::compact(TopicPtr topic, Done<void> begun) {
  topic->core().loop.post([topic, answer = Answer<void>(std::move(begun))]() mutable {
    if (auto usable = topic->check_usable(); !usable) return answer(std::move(usable));
    topic->compaction().request();
    answer(Result<>{});
  });
}

void BrokerImpl::await_compaction(TopicPtr topic, Done<void> done) {
  topic->core().loop.post([topic, answer = Answer<void>(std::move(done))]() mutable {
    if (auto usable = topic->check_usable(); !usable) return answer(std::move(usable));
    topic->compaction().await(std::move(answer));
  });
}

void BrokerImpl::stats(TopicPtr topic, Done<TopicStats> done) {
  topic->core().loop.post(
      [topic, answer = Answer<TopicStats>(std::move(done))]() mutable { answer(topic->stats()); });
}

Result<std::vector<std::string>> BrokerImpl::tenants() {
  return context_->metadata->tenants();
}

Result<std::vector<std::string>> BrokerImpl::namespaces(const std::string& tenant) {
  auto all = context_->metadata->namespaces();
  if (!all) return all;
  std::erase_if(*all, [&](const std::string& name) { return !name.starts_with(tenant + "/"); });
  return all;
}

Result<std::vector<std::string>> BrokerImpl::topics(const std::string& tenant_and_namespace) {
  const std::string prefix = "persistent://" + tenant_and_namespace + "/";
  std::vector<std::string> names = volatile_topics_->names_in(tenant_and_namespace);
  for (std::string& name : topics_.names(prefix)) names.push_back(std::move(name));
  return names;
}

BrokerStats BrokerImpl::broker_stats() const {
  BrokerStats stats;
  if (context_->log) stats.log = context_->log->stats();
  stats.held_bytes = context_->held_bytes;
  stats.state_bytes = context_->state_budget.bytes();
  stats.state_bytes_max = context_->state_budget.bytes_max();
  stats.delayed_bytes = context_->delay_budget.bytes();
  stats.delayed_bytes_max = context_->delay_budget.bytes_max();
  for (const auto& core : context_->cores) {
    core->loop.run([&stats, &core] {
      for (const auto& [id, topic] : core->topics) topic->add_to(stats);
      stats.topics += core->unloaded.topics;
      stats.subscriptions += core->unloaded.subscriptions;
      stats.backlog += core->unloaded.backlog;
      stats.acknowledged_ranges += core->unloaded.acknowledged_ranges;
    });
  }
  return stats;
}

}  // namespace geminga::broker
