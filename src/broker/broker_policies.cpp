#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/policy_fields.hpp"
#include "base/topic_name.hpp"
#include "base/try.hpp"
#include "broker/broker_impl.hpp"

/// Policies of namespaces and topics: stored first, then given to the topics they are for.
namespace geminga::broker {
namespace {

std::string namespace_of(const Topic& topic) {
  const auto name = base::TopicName::parse(topic.name(), "");
  return name ? name->namespace_path() : std::string();
}

}  // namespace

Result<> BrokerImpl::load_policies() {
  GEMINGA_TRY(const auto rows, context_->metadata->policies());
  if (rows.empty()) return {};
  std::map<std::string, base::PolicyValues> of_namespaces;
  std::map<storage::TopicId, base::PolicyValues> of_topics;
  for (const storage::PolicyRow& row : rows) {
    if (row.name_space.empty())
      of_topics[row.topic].emplace(row.name, row.value);
    else
      of_namespaces[row.name_space].emplace(row.name, row.value);
  }
  for (const auto& [name, values] : of_namespaces) {
    GEMINGA_TRY(namespaces_[name], base::to_policies(values));
  }
  std::vector<std::pair<TopicPtr, Policies>> concerned;
  for (const auto& [name, topic] : topics_) {
    const auto found = of_topics.find(topic->id());
    Policies own;
    if (found != of_topics.end()) {
      GEMINGA_TRY(own, base::to_policies(found->second));
    }
    if (own != Policies{} || policies_of_namespace(*topic) != Policies{}) concerned.emplace_back(topic, own);
  }
  for (const auto& core : context_->cores) {
    core->loop.run([&] {
      for (const auto& [topic, own] : concerned) {
        if (&topic->core() == core.get()) topic->limits().set(own, policies_of_namespace(*topic));
      }
    });
  }
  return {};
}

Policies BrokerImpl::policies_of_namespace(const Topic& topic) const {
  const std::lock_guard lock(mutex_);
  const auto found = namespaces_.find(namespace_of(topic));
  return found == namespaces_.end() ? Policies{} : found->second;
}

void BrokerImpl::set_policies(TopicPtr topic, Policies policies, Done<void> done) {
  context_->metadata->set_topic_policies(
      topic->id(), base::to_values(policies),
      [this, topic, policies, answer = Answer<void>(std::move(done))](Result<> stored) mutable {
        if (!stored) return answer(std::move(stored));
        topic->core().loop.post([this, topic, policies, answer = std::move(answer)]() mutable {
          topic->limits().set(policies, policies_of_namespace(*topic));
          answer(Result<>{});
        });
      });
}

void BrokerImpl::policies(TopicPtr topic, Done<Policies> done) {
  topic->core().loop.post(
      [topic, answer = Answer<Policies>(std::move(done))]() mutable { answer(topic->limits().own()); });
}

void BrokerImpl::set_namespace_policies(std::string name, Policies policies, Done<void> done) {
  context_->metadata->set_namespace_policies(
      name, base::to_values(policies),
      [this, name, policies, answer = Answer<void>(std::move(done))](Result<> stored) mutable {
        if (!stored) return answer(std::move(stored));
        std::vector<TopicPtr> concerned;
        {
          const std::lock_guard lock(mutex_);
          namespaces_[name] = policies;
          for (const auto* topics : {&topics_, &hidden_}) {
            for (const auto& [topic_name, topic] : *topics)
              if (namespace_of(*topic) == name) concerned.push_back(topic);
          }
        }
        for (const TopicPtr& topic : concerned) {
          topic->core().loop.post(
              [topic, policies] { topic->limits().set(topic->limits().own(), policies); });
        }
        answer(Result<>{});
      });
}

Result<Policies> BrokerImpl::namespace_policies(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = namespaces_.find(name); found != namespaces_.end()) return found->second;
  }
  GEMINGA_TRY(const auto all, context_->metadata->namespaces());
  if (std::ranges::find(all, name) != all.end()) return Policies{};
  return fail(ErrorCode::not_found, fmt::format("namespace '{}' does not exist", name));
}

void BrokerImpl::delete_inactive(const TopicPtr& topic) {
  const auto tell = [name = topic->name()](const Result<>& gone) {
    if (gone) {
      log::info("broker", "{} was deleted: nobody used it for the time that its policy says", name);
    } else if (gone.error().code != ErrorCode::conflict) {
      log::warn("broker", "{} is not used and could not be deleted: {}", name, gone.error().message);
    }
  };
  topic->remove_inactive(forgetting(topic, Answer<void>(tell)));
}

}  // namespace geminga::broker
