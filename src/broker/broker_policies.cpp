#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/policy_fields.hpp"
#include "base/try.hpp"
#include "broker/broker_impl.hpp"

/// Policies of namespaces and topics: stored first, then given to the topics they are for.
namespace geminga::broker {

void BrokerImpl::set_policies(TopicPtr topic, Policies policies, Done<void> done) {
  context_->metadata->set_topic_policies(
      topic->id(), base::to_values(policies),
      [this, topic, policies, answer = Answer<void>(std::move(done))](Result<> stored) mutable {
        if (!stored) return answer(std::move(stored));
        topic->core().loop.post([this, topic, policies, answer = std::move(answer)]() mutable {
          topic->limits().set(policies, topics_.namespace_policies_for(topic->name()));
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
        topics_.set_namespace_policies(name, policies);
        answer(Result<>{});
      });
}

Result<Policies> BrokerImpl::namespace_policies(const std::string& name) {
  if (auto known = topics_.namespace_policies(name)) return *std::move(known);
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
