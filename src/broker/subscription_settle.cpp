#include <algorithm>

#include <fmt/format.h>

#include "base/try.hpp"
#include "broker/subscription.hpp"
#include "broker/time_search.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {

/// On the core and with the topic alive, which owns the subscription.
void Subscription::submit(storage::Operation operation,
                          std::move_only_function<void(const Result<storage::Receipt>&)> then) {
  if (!durable_) {
    storage::Receipt receipt;
    if (std::holds_alternative<storage::SetCursorToEnd>(operation)) receipt.cursors.push_back(topic_.end());
    topic_.core().loop.post([self = shared_from_this(), topic = topic_.shared_from_this(),
                             then = std::move(then),
                             receipt = std::move(receipt)]() mutable { then(std::move(receipt)); });
    return;
  }
  storage::Transaction transaction;
  transaction.operations.push_back(std::move(operation));
  transaction.done = [self = shared_from_this(), topic = topic_.shared_from_this(),
                      then = std::move(then)](Result<storage::Receipt> receipt) mutable {
    topic->core().loop.post(
        [self, topic, then = std::move(then), receipt = std::move(receipt)]() mutable { then(receipt); });
  };
  context_->log->submit(std::move(transaction));
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

std::unexpected<Error> cumulative_on_shared() {
  return fail(ErrorCode::invalid_argument,
              "a cumulative acknowledgement needs an exclusive or failover subscription; on a shared one it "
              "would settle what other consumers hold");
}

}  // namespace

void Subscription::acknowledge(ConsumerNumber consumer, const Acknowledgement& what, Answer<void> answer) {
  if (shut_down_) return;
  if (what.up_to && row_.type != SubscriptionType::exclusive && row_.type != SubscriptionType::failover)
    return answer(cumulative_on_shared());
  // While a seek is under way nothing is out: what it brings back must not be settled before it comes.
  const auto settling =
      seeking_ > 0 ? std::nullopt : dispatcher_.begin_acknowledge(consumer, what, ack_turn_);
  if (!settling) return answer(not_yours(row_.name));
  if (settling->empty() && acknowledging_.answers.empty()) return answer(Result<>{});  // all of it was before
  acknowledging_.settling.add(*settling);
  acknowledging_.answers.push_back(std::move(answer));
  if (flush_posted_) return;
  // All acknowledgements of one turn share a record.
  flush_posted_ = topic_.core().loop.post([self = shared_from_this()] { self->flush_acknowledgements(); });
}

void Subscription::acknowledge_each(ConsumerNumber consumer, std::vector<EntryId> entries,
                                    Answer<std::vector<EntryId>> answer) {
  const auto others = std::ranges::stable_partition(
      entries, [&](EntryId entry) { return seeking_ == 0 && dispatcher_.outstanding(consumer, entry); });
  std::vector<EntryId> refused(others.begin(), others.end());
  entries.erase(others.begin(), others.end());
  if (entries.empty()) return answer(std::move(refused));
  auto done = [refused = std::move(refused), answer = std::move(answer)](Result<> settled) mutable {
    if (settled) return answer(std::move(refused));
    answer(std::unexpected(std::move(settled).error()));
  };
  acknowledge(consumer, {.entries = std::move(entries), .batches = {}}, Answer<void>(std::move(done)));
}

void Subscription::acknowledge_ids(ConsumerNumber consumer, const IdAcknowledgement& what,
                                   Answer<void> answer) {
  Acknowledgement those{.whoever = true};
  for (const IdAcknowledgement::One& one : what.ids) {
    const EntryId entry = one.id.entry;
    const auto ours = topic_.has(one.id);
    if (!ours) return answer(std::unexpected(ours.error()));
    if (!*ours) continue;
    if (one.left) those.rests.push_back({.entry = entry, .left = *one.left});
    if (!what.cumulative && !one.left) those.entries.push_back(entry);
    if (!what.cumulative || (one.left && entry.value == 0)) continue;
    const EntryId last{one.left ? entry.value - 1 : entry.value};
    those.up_to = std::max(those.up_to.value_or(last), last);
  }
  acknowledge(consumer, those, std::move(answer));
}

void Subscription::flush_acknowledgements() {
  flush_posted_ = false;
  if (acknowledging_.answers.empty()) return;
  AckBatch batch = std::exchange(acknowledging_, {});
  ack_turn_ += 1;
  storage::Acknowledge record{.topic = topic_.id(),
                              .subscription = row_.id,
                              .ranges = batch.settling.ranges(),
                              .batches = batch.settling.batches};
  if (context_->options.unsafe.cursor_ahead && !record.ranges.empty())
    record.ranges = {{record.ranges.front().first, record.ranges.back().last}};
  submit(std::move(record),
         [this, batch = std::move(batch)](const Result<storage::Receipt>& receipt) mutable {
           acknowledgements_done(std::move(batch), receipt);
         });
}

void Subscription::acknowledgements_done(AckBatch batch, const Result<storage::Receipt>& receipt) {
  if (receipt) {
    dispatcher_.acknowledged(batch.settling);
  } else {
    dispatcher_.acknowledge_failed(batch.settling, context_->now());
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

void Subscription::redeliver_ids(ConsumerNumber consumer, const std::vector<MessageId>& ids) {
  std::vector<EntryId> entries;
  for (const MessageId& id : ids) {
    if (topic_.has(id).value_or(false)) entries.push_back(id.entry);
  }
  redeliver(consumer, entries, std::chrono::milliseconds{0}, true);
}

void Subscription::redeliver_all(ConsumerNumber consumer) {
  dispatcher_.return_all(consumer, true, context_->now());
  pump();
}

void Subscription::forward(ConsumerNumber consumer, const Acknowledgement& what,
                           std::vector<Publication> publications, Answer<std::vector<MessageId>> answer) {
  if (shut_down_) return;
  auto record = to_record(std::move(publications));
  if (!record) return answer(std::unexpected(record.error()));
  auto settling = dispatcher_.begin_acknowledge(consumer, what);
  if (!settling) return answer(not_yours(row_.name));
  if (durable_)
    record->operations.emplace_back(storage::Acknowledge{.topic = topic_.id(),
                                                         .subscription = row_.id,
                                                         .ranges = settling->ranges(),
                                                         .batches = settling->batches});
  storage::Transaction transaction{.operations = std::move(record->operations), .done = nullptr};
  transaction.done = [self = shared_from_this(), topic = topic_.shared_from_this(),
                      settling = *std::move(settling), topics = std::move(record->topics),
                      answer = std::move(answer)](Result<storage::Receipt> receipt) mutable {
    topic->core().loop.post([self, topic, settling = std::move(settling), topics = std::move(topics),
                             answer = std::move(answer), receipt = std::move(receipt)]() mutable {
      AckBatch batch{.settling = std::move(settling), .answers = {}};
      self->acknowledgements_done(std::move(batch), receipt);
      if (receipt) {
        answer(to_message_ids(*receipt, topics));
      } else {
        answer(std::unexpected(receipt.error()));
      }
    });
  };
  context_->log->submit(std::move(transaction));
}

// --- position
// ------------------------------------------------------------------------------------------------------

void Subscription::submit_move(storage::Operation operation,
                               std::move_only_function<void(const Result<storage::Receipt>&)> then) {
  moves_ += 1;
  submit(std::move(operation),
         [this, then = std::move(then)](const Result<storage::Receipt>& receipt) mutable {
           moves_ -= 1;
           then(receipt);
           while (moves_ == 0 && !skips_.empty()) {
             auto skip = std::move(skips_.front());
             skips_.pop_front();
             skip();
           }
         });
}

void Subscription::skip_all(Answer<void> answer) {
  submit_move(storage::SetCursorToEnd{.topic = topic_.id(), .subscription = row_.id},
              [this, answer = std::move(answer)](const Result<storage::Receipt>& receipt) mutable {
                if (!receipt) return answer(std::unexpected(receipt.error()));
                dispatcher_.skip_to(receipt->cursors.front());
                answer(Result<>{});
                pump();
              });
}

void Subscription::skip(std::uint64_t entries, Answer<void> answer) {
  if (shut_down_) return;
  // It counts from the position, so this must be known.
  if (moves_ > 0) {
    skips_.emplace_back(
        [this, entries, answer = std::move(answer)]() mutable { skip(entries, std::move(answer)); });
    return;
  }
  if (in_view()) {
    return answer(
        fail(ErrorCode::conflict,
             fmt::format("the next message of subscription '{}' of {} stands in the compacted view, "
                         "where messages are not counted; use seek, expire or skip_all",
                         row_.name, topic_.name())));
  }
  skip_to(dispatcher_.behind_next(entries, topic_.first(), topic_.end()), std::move(answer));
}

void Subscription::expire(Timestamp before, Answer<void> answer) {
  // From the first: a seek that is on its way to the disk may lead to before the cursor.
  const EntryId first = topic_.first();
  find_by_time(topic_.shared_from_this(), first, topic_.end(), before,
               [self = shared_from_this(), topic = topic_.shared_from_this(), before, first,
                answer = std::move(answer)](Result<EntryId> next) mutable {
                 if (!next) return answer(std::unexpected(next.error()));
                 // Publish times never go back: where one that is kept is too old, so is all before it.
                 if (*next <= first && self->in_view())
                   return self->expire_compacted(before, first, std::move(answer));
                 self->skip_to(*next, std::move(answer));
               });
}

void Subscription::skip_to(EntryId next, Answer<void> answer) {
  if (shut_down_) return;
  if (next <= acknowledged_before()) return answer(Result<>{});
  // From the very first entry, for the same reason.
  submit_move(storage::Acknowledge{.topic = topic_.id(),
                                   .subscription = row_.id,
                                   .ranges = {{.first = EntryId{0}, .last = EntryId{next.value - 1}}},
                                   .batches = {}},
              [this, next, answer = std::move(answer)](const Result<storage::Receipt>& receipt) mutable {
                if (!receipt) return answer(std::unexpected(receipt.error()));
                dispatcher_.skip_to(next);
                answer(Result<>{});
                pump();
              });
}

void Subscription::seek(const SeekTarget& target, Answer<void> answer) {
  const bool compacted = compacted_ != nullptr;
  if (const auto* position = std::get_if<InitialPosition>(&target)) {
    const bool earliest = *position == InitialPosition::earliest;
    return move_to(earliest ? std::optional(topic_.first_of(compacted)) : std::nullopt, std::move(answer));
  }
  if (const auto* id = std::get_if<MessageId>(&target)) return seek_to(*id, std::move(answer));
  const Timestamp since = std::get<Timestamp>(target);
  if (compacted && topic_.compaction().view() != nullptr) return seek_compacted(since, std::move(answer));
  seek_by_time(topic_.first(), since, std::move(answer));
}

void Subscription::seek_to(const MessageId& id, Answer<void> answer) {
  topic_.when_durable(
      id, [self = shared_from_this(), id, answer = std::move(answer)](Result<> known) mutable {
        if (!known) return answer(std::move(known));
        self->move_to(self->topic_.position_of(id, self->compacted_ != nullptr), std::move(answer));
      });
}

void Subscription::seek_by_time(EntryId from, Timestamp since, Answer<void> answer) {
  find_by_time(topic_.shared_from_this(), from, topic_.end(), since,
               [self = shared_from_this(), topic = topic_.shared_from_this(), since,
                answer = std::move(answer)](Result<EntryId> next) mutable {
                 if (!next) return answer(std::unexpected(next.error()));
                 // It may have been trimmed while it was searched; then the view may have it.
                 if (*next >= topic->first()) return self->move_to(*next, std::move(answer));
                 if (self->compacted_) return self->seek(since, std::move(answer));
                 self->move_to(topic->first(), std::move(answer));
               });
}

/// What is out is taken back at once: an acknowledgement of it that comes now must not count for what comes
/// again. Nothing is sent until the record is durable; if it fails, all goes on from where it was.
void Subscription::move_to(std::optional<EntryId> next, Answer<void> answer) {
  if (shut_down_) return;
  flush_acknowledgements();
  seeking_ += 1;
  if (next) seeking_from_ = std::min(seeking_from_, *next);
  dispatcher_.withdraw(0, false, context_->now());
  sought_ = true;
  for (auto& [number, consumer] : consumers_) {
    consumer.told_end = false;
    consumer.sink->on_seek();
  }
  const storage::Operation operation =
      next ? storage::Operation(
                 storage::SetCursor{.topic = topic_.id(), .subscription = row_.id, .next = *next})
           : storage::SetCursorToEnd{.topic = topic_.id(), .subscription = row_.id};
  submit_move(operation,
              [this, next, answer = std::move(answer)](const Result<storage::Receipt>& receipt) mutable {
                seeking_ -= 1;
                if (receipt) dispatcher_.move_cursor(next ? *next : receipt->cursors.front());
                if (seeking_ == 0) seeking_from_ = kNowhere;
                if (receipt) {
                  answer(Result<>{});
                } else {
                  answer(std::unexpected(receipt.error()));
                }
                pump();
              });
}

// --- records
// -------------------------------------------------------------------------------------------------------

namespace {

Result<> pass_gates(const std::vector<Publication>& publications) {
  std::map<Topic*, PublishSize> limited;
  for (const Publication& publication : publications) {
    const PublishGate* gate = publication.topic->gate_if_made();
    if (gate == nullptr || !gate->active()) continue;
    PublishSize& size = limited[publication.topic.get()];
    size.messages += publication.append.message_count;
    size.bytes += publication.append.bytes().size();
  }
  // All or none: what one topic refuses takes nothing of the others' rates.
  for (const auto& [topic, size] : limited) GEMINGA_TRY_VOID(topic->gate_if_made()->admits_at_once());
  for (const auto& [topic, size] : limited) topic->gate_if_made()->count(size);
  return {};
}

}  // namespace

Result<PublishRecord> to_record(std::vector<Publication> publications) {
  GEMINGA_TRY_VOID(pass_gates(publications));
  PublishRecord record;
  record.operations.reserve(publications.size() + 1);
  record.topics.reserve(publications.size());
  for (Publication& publication : publications) {
    GEMINGA_TRY_VOID(publication.topic->check_publishable());
    publication.append.topic = publication.topic->id();
    record.operations.emplace_back(std::move(publication.append));
    record.topics.push_back(std::move(publication.topic));
  }
  return record;
}

MessageId to_message_id(const storage::EntryHeader& header, std::int32_t partition) {
  const MessageId id{.ledger = header.ledger, .entry = header.entry};
  return id == MessageId::unknown()
             ? id
             : MessageId{.ledger = id.ledger, .entry = id.entry, .partition = partition};
}

std::vector<MessageId> to_message_ids(const storage::Receipt& receipt, const std::vector<TopicPtr>& topics) {
  std::vector<MessageId> ids;
  ids.reserve(receipt.appended.size());
  for (const storage::EntryHeader& header : receipt.appended)
    ids.push_back(to_message_id(header, topics[ids.size()]->partition()));
  return ids;
}

}  // namespace geminga::broker
