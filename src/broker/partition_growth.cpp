#include "broker/partition_growth.hpp"

#include <utility>

#include "broker/gather.hpp"

namespace geminga::broker {

namespace {

/// Brings the subscriptions of a new partition to what is wanted: an interrupted growth may have left some.
void set_subscriptions(Topic& topic, const std::map<std::string, NewSubscription>& wanted, Gather& all) {
  for (const auto& [name, there] : topic.like_subscriptions()) {
    if (!wanted.contains(name)) topic.remove_subscription(name, 0, all.part());
  }
  for (auto [name, like] : wanted) {
    like.position = InitialPosition::earliest;
    auto made = [part = all.part()](const Result<SubscriptionPtr>& subscription) mutable {
      if (!subscription) return part(std::unexpected(subscription.error()));
      part(Result<>{});
    };
    topic.find_or_create(name, like, Answer<SubscriptionPtr>(std::move(made)));
  }
}

}  // namespace

void PartitionGrowth::run() {
  plan_.first->core().loop.post([self = shared_from_this()] {
    self->plan_.first->hold_subscriptions([self] {
      self->make_topics(self->plan_.first->like_subscriptions(), self->plan_.first->limits().own());
    });
  });
}

void PartitionGrowth::make_topics(Subscriptions wanted, const Policies& policies) {
  context_->metadata->create_partitions(plan_.name, plan_.partitions,
                                        [self = shared_from_this(), wanted = std::move(wanted),
                                         policies](Result<std::vector<storage::TopicRow>> rows) {
                                          if (!rows) return self->finish(std::unexpected(rows.error()));
                                          self->make_subscriptions(
                                              self->plan_.adopt(*std::move(rows), policies), wanted);
                                        });
}

void PartitionGrowth::make_subscriptions(const std::vector<TopicPtr>& topics, const Subscriptions& wanted) {
  const auto all = std::make_shared<Gather>([self = shared_from_this(), topics](Result<> made) {
    if (!made) return self->finish(std::move(made));
    self->set_number(topics);
  });
  for (const TopicPtr& topic : topics) {
    topic->core().loop.post([topic, wanted, all, turn = all->part()]() mutable {
      set_subscriptions(*topic, wanted, *all);
      turn(Result<>{});  // a loop that has stopped says `closed` instead
    });
  }
}

void PartitionGrowth::set_number(const std::vector<TopicPtr>& topics) {
  context_->metadata->set_partitions(plan_.name, plan_.partitions,
                                     [self = shared_from_this(), topics](Result<> stored) {
                                       if (stored) self->plan_.reveal(topics);
                                       self->finish(std::move(stored));
                                     });
}

void PartitionGrowth::finish(Result<> result) {
  plan_.first->core().loop.post([self = shared_from_this(), result = std::move(result)]() mutable {
    self->plan_.first->release_subscriptions();
    self->answer_(std::move(result));
  });
}

}  // namespace geminga::broker
