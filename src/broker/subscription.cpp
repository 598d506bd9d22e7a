#include "broker/subscription.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "broker/subscription_consumer.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {
namespace {

DispatcherOptions dispatcher_options(const Context& context, SubscriptionType type) {
  return {.type = type,
          .hold_delayed = type != SubscriptionType::exclusive,
          .unsettled_max = context.options.unsettled_max,
          .delayed_max = context.options.delayed_max,
          .lose_delayed = context.options.unsafe.lose_delayed};
}

}  // namespace

Subscription::Subscription(ContextPtr context, Topic& topic, storage::SubscriptionRow row,
                           storage::CursorState cursor)
    : context_(std::move(context)),
      topic_(topic),
      row_(std::move(row)),
      dispatcher_(dispatcher_options(*context_, row_.type), std::move(cursor),
                  [this](ConsumerNumber to, Delivered delivered) {
                    consumers_.at(to).outbox.push_back(std::move(delivered));
                  }) {}

Subscription::~Subscription() = default;

// --- consumers
// -----------------------------------------------------------------------------------------------------

Result<ConsumerPtr> Subscription::attach(const SubscribeOptions& options,
                                         std::shared_ptr<DeliverySink> sink) {
  if (!consumers_.empty() && options.type != row_.type) {
    return fail(
        ErrorCode::subscription_type_mismatch,
        fmt::format("subscription '{}' of {} is in use with another type; use the same one, or another name",
                    row_.name, topic_.name()));
  }
  if (!consumers_.empty() && options.type == SubscriptionType::exclusive) {
    return fail(
        ErrorCode::consumer_busy,
        fmt::format(
            "exclusive subscription '{}' of {} has a consumer; close that one, or use shared or key_shared",
            row_.name, topic_.name()));
  }
  if (consumers_.empty()) adopt_type(options);
  const ConsumerNumber number = ++last_consumer_;
  consumers_.emplace(number, Connected{.sink = std::move(sink), .outbox = {}});
  dispatcher_.add_consumer(number, options.permits);
  auto consumer =
      std::make_shared<SubscriptionConsumer>(topic_.shared_from_this(), shared_from_this(), number);
  // In a turn of its own: whoever subscribed shall have the consumer in hand before its first entry comes.
  topic_.core().loop.post([self = shared_from_this()] { self->pump(); });
  return consumer;
}

void Subscription::adopt_type(const SubscribeOptions& options) {
  const bool hold = options.type != SubscriptionType::exclusive || options.hold_delayed;
  dispatcher_.set_type(options.type, hold);
  if (row_.type == options.type) return;
  row_.type = options.type;
  context_->metadata->set_subscription_type(
      row_.id, options.type, [name = row_.name](const Result<>& stored) {
        if (!stored)
          log::warn("broker", "the type of subscription '{}' could not be stored: {}", name,
                    stored.error().message);
      });
}

void Subscription::detach(ConsumerNumber consumer) {
  if (consumers_.erase(consumer) == 0) return;
  dispatcher_.remove_consumer(consumer, context_->now());
  pump();
}

void Subscription::flow(ConsumerNumber consumer, Permits more) {
  dispatcher_.add_permits(consumer, more);
  pump();
}

// --- sending
// -------------------------------------------------------------------------------------------------------

void Subscription::pump() {
  if (shut_down_ || reading_ || pumping_) return;
  pumping_ = true;
  const Now now = context_->now();
  while (!reading_) {
    const auto want = dispatcher_.next_read(topic_.end(), now);
    if (!want || !read(*want, now)) break;
  }
  pumping_ = false;
  hand_over();
  if (!reading_) arm_timer(now);
  say_when_paused();
}

bool Subscription::read(const Dispatcher::Want& want, Now now) {
  std::optional<Result<std::vector<storage::Entry>>> at_once;
  reading_ = true;
  context_->log->read(
      {.topic = topic_.id(), .from = want.from, .entries_max = want.entries_max},
      [this, self = shared_from_this(), want, &at_once](Result<std::vector<storage::Entry>> entries) {
        // On our own thread only when the log answers from memory, before read() returns.
        if (topic_.core().loop.here()) {
          at_once = std::move(entries);
          return;
        }
        topic_.core().loop.post([self, want, entries = std::move(entries)]() mutable {
          self->read_done(want, std::move(entries));
        });
      });
  if (!at_once) return false;
  reading_ = false;
  if (!*at_once) {
    reading_failed(at_once->error());
    return false;
  }
  if (at_once->value().empty() && !want.waiting) return false;
  dispatcher_.feed(want, std::move(**at_once), now);
  return true;
}

void Subscription::read_done(const Dispatcher::Want& want, Result<std::vector<storage::Entry>> entries) {
  reading_ = false;
  if (shut_down_) return;
  if (!entries) return reading_failed(entries.error());
  if (entries->empty() && !want.waiting) return;
  pumping_ = true;
  dispatcher_.feed(want, std::move(*entries), context_->now());
  pumping_ = false;
  pump();
}

/// Consumers that wait for what cannot be read shall know it; whoever connects again tries again.
void Subscription::reading_failed(const Error& error) {
  log::error("broker", "subscription '{}' of {} cannot be read: {}", row_.name, topic_.name(), error.message);
  for (auto& [number, consumer] : std::exchange(consumers_, {})) {
    dispatcher_.remove_consumer(number, context_->now());
    consumer.sink->on_closed(error.with("reading " + topic_.name()));
  }
}

void Subscription::hand_over() {
  for (auto& [number, consumer] : consumers_) {
    if (consumer.outbox.empty()) continue;
    std::uint64_t bytes = 0;
    for (const Delivered& delivered : consumer.outbox) bytes += delivered.entry.header.body_bytes;
    topic_.count_out(consumer.outbox.size(), bytes);
    consumer.sink->on_entries(std::exchange(consumer.outbox, {}));
  }
}

void Subscription::arm_timer(Now now) {
  const auto due = dispatcher_.next_due(now);
  if (!due || consumers_.empty()) {
    if (timer_) timer_->cancel();
    return;
  }
  if (!timer_) timer_ = std::make_unique<base::Timer>(topic_.core().loop);
  timer_->set_after(std::chrono::ceil<std::chrono::milliseconds>(*due - now.monotonic),
                    [weak = weak_from_this()] {
                      if (const auto self = weak.lock()) self->pump();
                    });
}

void Subscription::say_when_paused() {
  if (dispatcher_.paused() == paused_) return;
  paused_ = !paused_;
  log::warn("broker", "subscription '{}' of {} {}: {} out, {} waiting, {} delayed", row_.name, topic_.name(),
            paused_ ? "pauses, a bound is reached" : "goes on", dispatcher_.out_count(),
            dispatcher_.waiting_count(), dispatcher_.delayed_count());
}

// --- settling
// ------------------------------------------------------------------------------------------------------

namespace {

std::unexpected<Error> not_yours(const std::string& subscription) {
  return fail(ErrorCode::conflict,
              fmt::format("the message is not out with this consumer of '{}' any more: it was settled, or "
                          "given to another after the consumer closed",
                          subscription));
}

}  // namespace

void Subscription::acknowledge(ConsumerNumber consumer, std::vector<EntryId> entries, Answer<void> answer) {
  if (shut_down_) return;
  if (!dispatcher_.begin_acknowledge(consumer, entries)) return answer(not_yours(row_.name));
  acknowledging_.entries.insert(acknowledging_.entries.end(), entries.begin(), entries.end());
  acknowledging_.answers.push_back(std::move(answer));
  if (flush_posted_) return;
  // All acknowledgements of one turn share a record.
  flush_posted_ = topic_.core().loop.post([self = shared_from_this()] { self->flush_acknowledgements(); });
}

void Subscription::flush_acknowledgements() {
  flush_posted_ = false;
  if (acknowledging_.entries.empty()) return;
  AckBatch batch = std::exchange(acknowledging_, {});
  storage::Acknowledge record{
      .topic = topic_.id(), .subscription = row_.id, .ranges = to_ranges(batch.entries), .batches = {}};
  if (context_->options.unsafe.cursor_ahead)
    record.ranges = {{record.ranges.front().first, record.ranges.back().last}};
  storage::Transaction transaction;
  transaction.operations.emplace_back(std::move(record));
  transaction.done = [self = shared_from_this(), topic = topic_.shared_from_this(),
                      batch = std::move(batch)](Result<storage::Receipt> receipt) mutable {
    topic->core().loop.post([self, topic, batch = std::move(batch), receipt = std::move(receipt)]() mutable {
      self->acknowledgements_done(std::move(batch), receipt);
    });
  };
  context_->log->submit(std::move(transaction));
}

void Subscription::acknowledgements_done(AckBatch batch, const Result<storage::Receipt>& receipt) {
  if (receipt) {
    dispatcher_.acknowledged(batch.entries);
  } else {
    dispatcher_.acknowledge_failed(batch.entries, context_->now());
  }
  for (Answer<void>& answer : batch.answers) {
    if (receipt) {
      answer(Result<>{});
    } else {
      answer(std::unexpected(receipt.error()));
    }
  }
  pump();
}

void Subscription::redeliver(ConsumerNumber consumer, const std::vector<EntryId>& entries,
                             std::chrono::milliseconds delay, bool counts) {
  const Now now = context_->now();
  for (const EntryId entry : entries) dispatcher_.return_entry(consumer, entry, delay, counts, now);
  pump();
}

void Subscription::forward(ConsumerNumber consumer, EntryId entry, std::vector<Publication> publications,
                           Answer<std::vector<MessageId>> answer) {
  if (shut_down_) return;
  auto operations = to_operations(std::move(publications));
  if (!operations) return answer(std::unexpected(operations.error()));
  if (!dispatcher_.begin_acknowledge(consumer, std::span(&entry, 1))) return answer(not_yours(row_.name));
  operations->emplace_back(storage::Acknowledge{.topic = topic_.id(),
                                                .subscription = row_.id,
                                                .ranges = {{.first = entry, .last = entry}},
                                                .batches = {}});
  storage::Transaction transaction{.operations = std::move(*operations), .done = nullptr};
  transaction.done = [self = shared_from_this(), topic = topic_.shared_from_this(), entry,
                      answer = std::move(answer)](Result<storage::Receipt> receipt) mutable {
    topic->core().loop.post(
        [self, topic, entry, answer = std::move(answer), receipt = std::move(receipt)]() mutable {
          AckBatch batch{.entries = {entry}, .answers = {}};
          self->acknowledgements_done(std::move(batch), receipt);
          if (receipt) {
            answer(to_message_ids(*receipt));
          } else {
            answer(std::unexpected(receipt.error()));
          }
        });
  };
  context_->log->submit(std::move(transaction));
}

void Subscription::skip_all(Answer<void> answer) {
  storage::Transaction transaction;
  transaction.operations.emplace_back(storage::SetCursorToEnd{.topic = topic_.id(), .subscription = row_.id});
  transaction.done = [self = shared_from_this(), topic = topic_.shared_from_this(),
                      answer = std::move(answer)](Result<storage::Receipt> receipt) mutable {
    topic->core().loop.post(
        [self, topic, answer = std::move(answer), receipt = std::move(receipt)]() mutable {
          if (!receipt) return answer(std::unexpected(receipt.error()));
          self->dispatcher_.move_cursor(receipt->cursors.front());
          answer(Result<>{});
          self->pump();
        });
  };
  context_->log->submit(std::move(transaction));
}

// --- end
// -----------------------------------------------------------------------------------------------------------

void Subscription::shut_down(const Error& reason) {
  if (shut_down_) return;
  flush_acknowledgements();
  shut_down_ = true;
  timer_.reset();
  for (auto& [number, consumer] : std::exchange(consumers_, {})) consumer.sink->on_closed(reason);
}

SubscriptionStats Subscription::stats() const {
  return {.name = row_.name,
          .type = row_.type,
          .durable = true,
          .backlog = dispatcher_.backlog(topic_.end()),
          .unacked = dispatcher_.out_count(),
          .delayed = dispatcher_.delayed_count(),
          .redelivered = dispatcher_.redelivered_count(),
          .consumers = static_cast<std::uint32_t>(consumers_.size()),
          .dispatch_paused = dispatcher_.paused() ? "too many messages out, waiting or delayed" : ""};
}

// --- records
// -------------------------------------------------------------------------------------------------------

Result<std::vector<storage::Operation>> to_operations(std::vector<Publication> publications) {
  std::vector<storage::Operation> operations;
  operations.reserve(publications.size() + 1);
  for (Publication& publication : publications) {
    if (publication.topic->deleted()) {
      return fail(ErrorCode::topic_not_found,
                  fmt::format("topic {} was deleted; open it again", publication.topic->name()));
    }
    publication.append.topic = publication.topic->id();
    operations.emplace_back(std::move(publication.append));
  }
  return operations;
}

std::vector<MessageId> to_message_ids(const storage::Receipt& receipt) {
  std::vector<MessageId> ids;
  ids.reserve(receipt.appended.size());
  for (const storage::EntryHeader& header : receipt.appended)
    ids.push_back({.ledger = header.ledger, .entry = header.entry});
  return ids;
}

}  // namespace geminga::broker
