#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "broker/topic.hpp"

/// Termination, deletion and the end of the broker.
namespace geminga::broker {

// --- termination
// ---------------------------------------------------------------------------------------------------

/// First the log takes no more, then what it had taken becomes durable: so the last message is known. Only
/// then it is written down for good; a stop before that leaves the topic as it was.
void Topic::terminate(Answer<std::optional<MessageId>> answer) {
  if (auto usable = check_usable(); !usable) return answer(std::unexpected(usable.error()));
  if (terminated()) return answer(last_message_id());
  terminating_.push_back(std::move(answer));
  if (terminating_.size() > 1) return;
  context_->log->seal(row_.id, true);
  submit_barrier([this](const Result<>& done) { sealed(done); });
}

void Topic::sealed(const Result<>& done) {
  if (!done) return termination_ends(done);
  context_->metadata->terminate_topic(row_.id, [self = shared_from_this()](Result<> stored) {
    self->core_.loop.post([self, stored = std::move(stored)] { self->termination_ends(stored); });
  });
}

void Topic::termination_ends(const Result<>& done) {
  if (done) {
    terminated_ = true;
    producers_.shut_down(check_publishable().error());
    pump_all();  // tells who has everything
  } else {
    context_->log->seal(row_.id, false);
  }
  for (auto& answer : std::exchange(terminating_, {})) {
    if (done) {
      answer(last_message_id());
    } else {
      answer(std::unexpected(done.error()));
    }
  }
}

Result<> Topic::check_publishable() const {
  if (deleted())
    return fail(ErrorCode::topic_not_found, fmt::format("topic {} was deleted; open it again", row_.name));
  if (terminated())
    return fail(ErrorCode::topic_terminated,
                fmt::format("topic {} was terminated; it takes no more messages", row_.name));
  return {};
}

// --- end
// -----------------------------------------------------------------------------------------------------------

Result<> Topic::begin_removal(bool force) {
  if (deleted()) return fail(ErrorCode::topic_not_found, fmt::format("topic {} was deleted", row_.name));
  const std::size_t connected = readers_.size() + producers_.count() + consumer_count();
  if (connected > 0 && !force) {
    return fail(ErrorCode::conflict,
                fmt::format("topic {} has {} producers, consumers or readers; close them, or force",
                            row_.name, connected));
  }
  deleted_ = true;
  return {};
}

void Topic::remove(bool force, Answer<void> answer) {
  if (auto begun = begin_removal(force); !begun) return answer(std::move(begun));
  tombstone(std::move(answer));
}

void Topic::remove_inactive(Answer<void> answer) {
  deleted_ = true;
  // Whoever publishes passes the gate first and looks at deleted() then: one of the two sees the other.
  if (limits_.inactive()) return tombstone(std::move(answer));
  deleted_ = false;
  answer(fail(ErrorCode::conflict, fmt::format("topic {} is used", row_.name)));
}

void Topic::tombstone(Answer<void> answer) {
  // Step one frees the name; from then on a restart finishes the rest. Refused, the topic stays as it is.
  context_->metadata->tombstone_topic(
      row_.id, [self = shared_from_this(), answer = std::move(answer)](Result<> gone) mutable {
        if (!gone) {
          self->cancel_removal();
          return answer(std::unexpected(gone.error()));
        }
        self->core_.loop.post(
            [self, answer = std::move(answer)]() mutable { self->finish_removal(std::move(answer)); });
      });
}

void Topic::finish_removal(Answer<void> answer) {
  shut_down({ErrorCode::topic_not_found, fmt::format("topic {} was deleted", row_.name)});
  subscriptions_.clear();
  compaction_.remove();
  storage::Transaction transaction;
  transaction.operations.emplace_back(storage::DropTopic{.topic = row_.id});
  transaction.done = [self = shared_from_this(),
                      answer = std::move(answer)](Result<storage::Receipt> receipt) mutable {
    if (receipt) return answer(Result<>{});
    if (!receipt.error().retryable()) return answer(std::unexpected(receipt.error()));
    log::warn("broker", "{} was deleted, its space is not free yet: {}", self->name(),
              receipt.error().message);
    self->core_.loop.post([self, answer = std::move(answer)]() mutable {
      if (self->core_.ended) return answer(std::unexpected(*self->core_.ended));
      self->drop_refused_ = std::move(answer);
    });
  };
  context_->log->submit(std::move(transaction));
}

std::size_t Topic::consumer_count() const {
  std::size_t count = 0;
  for (const auto* all : {&subscriptions_, &passing_}) {
    for (const auto& [name, subscription] : *all) count += subscription->consumer_count();
  }
  return count;
}

bool Topic::in_use() const {
  return subscription_count() > 0 || !passing_.empty() || !readers_.empty() || !producers_.idle();
}

void Topic::drop_again() {
  if (!drop_refused_) return;
  auto answer = *std::move(drop_refused_);
  drop_refused_.reset();
  finish_removal(std::move(answer));
}

void Topic::shut_down(const Error& reason) {
  // Whatever is under way for them, nobody shall wait for the disk now.
  for (auto& [name, waiting] : std::exchange(creating_, {}))
    for (auto& answer : waiting.answers) answer(std::unexpected(reason));
  for (auto& answer : std::exchange(terminating_, {})) answer(std::unexpected(reason));
  if (auto answer = std::exchange(drop_refused_, std::nullopt)) (*answer)(std::unexpected(reason));
  when_released_.clear();
  when_held_ = nullptr;
  producers_.shut_down(reason);
  limits_.shut_down();
  compaction_.shut_down(reason);
  for (const auto& [name, subscription] : subscriptions_) subscription->shut_down(reason);
  for (const auto& [name, subscription] : std::exchange(passing_, {})) subscription->shut_down(reason);
  for (const auto& reader : std::exchange(readers_, {})) reader->shut_down(reason);
}

}  // namespace geminga::broker
