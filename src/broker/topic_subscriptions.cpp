#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/try.hpp"
#include "broker/topic.hpp"

/// How subscriptions come to a topic and go.
namespace geminga::broker {

namespace {

std::unexpected<Error> other_durability(const std::string& subscription, const std::string& topic) {
  return fail(
      ErrorCode::subscription_type_mismatch,
      fmt::format("of two subscriptions '{}' of {} one would be durable and the other not; use another "
                  "name",
                  subscription, topic));
}

}  // namespace

Result<SubscriptionPtr> Topic::find_or_make_passing(const std::string& name, SubscriptionType type,
                                                    EntryId position) {
  GEMINGA_TRY_VOID(check_usable());
  if (const auto found = passing_.find(name); found != passing_.end()) return found->second;
  if (subscriptions_.contains(name) || creating_.contains(name)) return other_durability(name, row_.name);
  GEMINGA_TRY_VOID(limits_.check_subscriptions());
  storage::SubscriptionRow row;
  row.name = name;
  row.type = type;
  auto made = std::make_shared<Subscription>(
      context_, *this, std::move(row), storage::CursorState{.next = position}, SubscriptionCounters{}, false);
  passing_.emplace(name, made);
  return made;
}

void Topic::remove_passing(const Subscription& subscription) {
  const auto found = passing_.find(subscription.row().name);
  if (found == passing_.end() || found->second.get() != &subscription) return;
  // It asks for this itself and must outlive the call.
  core_.loop.post([self = shared_from_this(), gone = std::move(found->second)] {
    gone->shut_down({ErrorCode::subscription_not_found, "the last consumer of the subscription has gone"});
  });
  passing_.erase(found);
}

SubscriptionPtr Topic::find(const std::string& name) const {
  const auto found = subscriptions_.find(name);
  return found == subscriptions_.end() ? nullptr : found->second;
}

void Topic::find_or_create(const std::string& name, const NewSubscription& wanted,
                           Answer<SubscriptionPtr> answer) {
  if (auto usable = check_usable(); !usable) return answer(std::unexpected(usable.error()));
  if (auto found = find(name)) return answer(std::move(found));
  if (passing_.contains(name)) return answer(other_durability(name, row_.name));
  if (subscriptions_held_) {
    when_released_.emplace_back([this, name, wanted, answer = std::move(answer)]() mutable {
      find_or_create(name, wanted, std::move(answer));
    });
    return;
  }
  if (!creating_.contains(name)) {
    if (auto room = limits_.check_subscriptions(); !room) return answer(std::unexpected(room.error()));
  }
  auto& creating = creating_.try_emplace(name, Creating{.wanted = wanted, .answers = {}}).first->second;
  creating.answers.push_back(std::move(answer));
  if (creating.answers.size() > 1) return;
  context_->metadata->create_subscription(
      row_.id, name, wanted.type, wanted.properties,
      [self = shared_from_this(), name, position = wanted.position](Result<storage::SubscriptionRow> row) {
        self->core_.loop.post([self, name, position, row = std::move(row)]() mutable {
          if (!row) return self->created(name, std::unexpected(row.error()));
          self->create_cursor(std::move(*row), position);
        });
      });
}

void Topic::create_cursor(storage::SubscriptionRow row, InitialPosition position) {
  storage::Transaction transaction;
  // The first consumer says whether it reads compacted; see Subscription::attach.
  const EntryId earliest = first_of(true);
  if (position == InitialPosition::earliest) {
    transaction.operations.emplace_back(
        storage::SetCursor{.topic = row_.id, .subscription = row.id, .next = earliest});
  } else {
    transaction.operations.emplace_back(storage::SetCursorToEnd{.topic = row_.id, .subscription = row.id});
  }
  transaction.done = [self = shared_from_this(), row = std::move(row), position,
                      earliest](Result<storage::Receipt> receipt) mutable {
    self->core_.loop.post([self, row = std::move(row), position, earliest,
                           receipt = std::move(receipt)]() mutable {
      const std::string name = row.name;
      if (!receipt) return self->cursor_refused(row, receipt.error());
      // Deleted meanwhile, or the broker stops: whoever waits must not be left with a dead consumer.
      if (auto usable = self->check_usable(); !usable)
        return self->created(name, std::unexpected(usable.error()));
      const EntryId next = position == InitialPosition::earliest ? earliest : receipt->cursors.front();
      auto subscription = std::make_shared<Subscription>(
          self->context_, *self, std::move(row), storage::CursorState{.next = next}, SubscriptionCounters{});
      self->subscriptions_.emplace(name, subscription);
      self->created(name, std::move(subscription));
    });
  };
  context_->log->submit(std::move(transaction));
}

/// Without its position it would be a name that nobody can use or make again.
void Topic::cursor_refused(const storage::SubscriptionRow& row, const Error& error) {
  context_->metadata->delete_subscription(
      row.id, [self = shared_from_this(), name = row.name, error](const Result<>&) {
        self->core_.loop.post([self, name, error] { self->created(name, std::unexpected(error)); });
      });
}

void Topic::created(const std::string& name, Result<SubscriptionPtr> result) {
  auto waiting = creating_.extract(name);
  if (waiting.empty()) return;
  for (auto& answer : waiting.mapped().answers) answer(result);
}

void Topic::remove_subscription(const std::string& name, std::size_t consumers_allowed, Answer<void> answer) {
  if (subscriptions_held_) {
    when_released_.emplace_back([this, name, consumers_allowed, answer = std::move(answer)]() mutable {
      remove_subscription(name, consumers_allowed, std::move(answer));
    });
    return;
  }
  const auto found = subscriptions_.find(name);
  if (found == subscriptions_.end()) {
    return answer(fail(ErrorCode::subscription_not_found,
                       fmt::format("topic {} has no subscription '{}'", row_.name, name)));
  }
  const SubscriptionPtr subscription = found->second;
  if (subscription->consumer_count() > consumers_allowed) {
    return answer(
        fail(ErrorCode::conflict, fmt::format("subscription '{}' of {} has {} consumers; close them first",
                                              name, row_.name, subscription->consumer_count())));
  }
  // Its position holds messages back until the row is gone for good.
  const storage::SubscriptionId id = subscription->row().id;
  removals_ += 1;
  context_->metadata->delete_subscription(
      id, [self = shared_from_this(), name, answer = std::move(answer)](Result<> gone) mutable {
        self->core_.loop.post([self, name, gone = std::move(gone), answer = std::move(answer)]() mutable {
          if (gone) {
            self->subscription_removed(name, std::move(answer));
          } else {
            answer(std::move(gone));
          }
          self->removals_ -= 1;
          if (self->removals_ == 0 && self->when_held_) std::exchange(self->when_held_, nullptr)();
        });
      });
}

void Topic::subscription_removed(const std::string& name, Answer<void> answer) {
  const auto subscription = subscriptions_.extract(name);
  if (subscription.empty()) return answer(Result<>{});
  const storage::SubscriptionId id = subscription.mapped()->row().id;
  subscription.mapped()->shut_down(
      {ErrorCode::subscription_not_found, fmt::format("subscription '{}' was removed", name)});
  storage::Transaction transaction;
  transaction.operations.emplace_back(storage::DropCursor{.topic = row_.id, .subscription = id});
  transaction.done = [answer = std::move(answer)](Result<storage::Receipt> receipt) mutable {
    if (receipt) return answer(Result<>{});
    answer(std::unexpected(receipt.error()));
  };
  context_->log->submit(std::move(transaction));
}

std::map<std::string, NewSubscription> Topic::like_subscriptions() const {
  std::map<std::string, NewSubscription> all;
  for (const auto& [name, subscription] : subscriptions_) {
    const storage::SubscriptionRow& row = subscription->row();
    all.emplace(name, NewSubscription{.type = row.type, .properties = row.properties});
  }
  for (const auto& [name, creating] : creating_) all.emplace(name, creating.wanted);
  return all;
}

void Topic::hold_subscriptions(std::move_only_function<void()> held) {
  subscriptions_held_ = true;
  if (removals_ == 0) return held();
  when_held_ = std::move(held);
}

void Topic::release_subscriptions() {
  subscriptions_held_ = false;
  for (auto& each : std::exchange(when_released_, {})) each();
}

}  // namespace geminga::broker
