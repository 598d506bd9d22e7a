#include "broker/topic.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"

namespace geminga::broker {

Topic::Topic(ContextPtr context, storage::TopicRow row, const TopicCounters& counters, std::int32_t partition)
    : context_(std::move(context)),
      core_(context_->core_of(row.id)),
      row_(std::move(row)),
      partition_(partition),
      terminated_(row_.terminated),
      limits_(*this),
      compaction_(*this, row_.view),
      producers_(*this),
      counters_(counters) {}

const std::string& topic_name(const Topic& topic) {
  return topic.name();
}
storage::TopicId topic_id(const Topic& topic) {
  return topic.id();
}
std::int32_t topic_partition(const Topic& topic) {
  return topic.partition();
}

void Topic::on_durable(const DurableNote& note) {
  if (note.end > end_) {  // else the log was asked later, when it was loaded
    ledgers_.begin(note.ledger, EntryId{note.end.value - 1});
    end_ = note.end;
  }
  count_in({.messages_in = note.messages, .bytes_in = note.bytes});
  quiet_since_.reset();
  limits_.note_used();
  pump_all();
}

void Topic::pump_all() {
  const std::size_t groups = subscriptions_.size() + (readers_.empty() ? 0 : 1);
  if (groups == 0) return;
  const bool in_turns = limits_.dispatch_rate().limited();
  const auto open = [&] { return limits_.dispatch_rate().open(context_->now().monotonic); };
  pumping_all_ = true;
  const std::size_t first = limits_.dispatch_turn() % groups;
  auto next = std::next(subscriptions_.begin(), static_cast<std::ptrdiff_t>(first));
  for (std::size_t i = 0; i < groups; ++i) {
    const bool was_open = in_turns && open();
    if (next == subscriptions_.end() && readers_.empty()) next = subscriptions_.begin();
    if (next == subscriptions_.end()) {
      // A reader that ends takes itself out of the set.
      for (const auto& reader : std::vector(readers_.begin(), readers_.end())) reader->pump();
      next = subscriptions_.begin();
    } else {
      const SubscriptionPtr& one = (next++)->second;
      one->pump();
      // What the rate allows now is its own: the others go on when it has read.
      if (was_open && one->reading()) break;
    }
    if (was_open && !open()) limits_.set_dispatch_turn(first + i + 1);
  }
  pumping_all_ = false;
}

void Topic::count_in(const TopicCounters& more) {
  counters_.messages_in += more.messages_in;
  counters_.bytes_in += more.bytes_in;
}

void Topic::count_out(std::uint64_t messages, std::uint64_t bytes) {
  counters_.messages_out += messages;
  counters_.bytes_out += bytes;
}

// --- subscriptions
// -------------------------------------------------------------------------------------------------

SubscriptionPtr Topic::find(const std::string& name) const {
  const auto found = subscriptions_.find(name);
  return found == subscriptions_.end() ? nullptr : found->second;
}

void Topic::find_or_create(const std::string& name, const NewSubscription& wanted,
                           Answer<SubscriptionPtr> answer) {
  if (auto usable = check_usable(); !usable) return answer(std::unexpected(usable.error()));
  if (auto found = find(name)) return answer(std::move(found));
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

// --- readers
// -------------------------------------------------------------------------------------------------------

namespace {

/// The handle that users hold: takes calls from any thread to the topic's core.
class ReaderHandle final : public Reader {
 public:
  ReaderHandle(TopicPtr topic, std::shared_ptr<TopicReader> reader)
      : topic_(std::move(topic)), reader_(std::move(reader)) {}
  ~ReaderHandle() override {
    topic_->core().loop.post([topic = topic_, reader = reader_] { reader->close(); });
  }
  void flow(Permits more) override {
    topic_->core().loop.post([topic = topic_, reader = reader_, more] { reader->flow(more); });
  }
  void has_more(std::optional<EntryId> after, Done<bool> done) override {
    topic_->core().loop.post(
        [topic = topic_, reader = reader_, after, answer = Answer<bool>(std::move(done))]() mutable {
          reader->has_more(after ? EntryId{after->value + 1} : reader->start(), std::move(answer));
        });
  }
  void close(Done<void> done) override {
    topic_->core().loop.post(
        [topic = topic_, reader = reader_, answer = Answer<void>(std::move(done))]() mutable {
          reader->close();
          answer(Result<>{});
        });
  }

 private:
  const TopicPtr topic_;
  const std::shared_ptr<TopicReader> reader_;
};

}  // namespace

EntryId Topic::position_of(const MessageId& id, bool compacted) const {
  if (id.ledger > ledgers_.current) return end_;
  // A lost id has a number that the ledger after it has again. Of ledgers that are forgotten only a view may
  // keep entries: there the number says the place.
  return std::clamp(std::min(id.entry, ledgers_.span(id.ledger, end_).end), first_of(compacted), end_);
}

EntryId Topic::behind(const MessageId& id, bool compacted) const {
  const EntryId at = position_of(id, compacted);
  return at == id.entry && at < ledgers_.span(id.ledger, end_).end ? EntryId{at.value + 1} : at;
}

Result<ReaderPtr> Topic::add_reader(const ReaderStart& start, Permits permits,
                                    std::shared_ptr<DeliverySink> sink) {
  if (auto usable = check_usable(); !usable) return std::unexpected(usable.error());
  EntryId position = end_;
  if (const auto* id = std::get_if<MessageId>(&start.position)) {
    position = start.inclusive ? position_of(*id, start.read_compacted) : behind(*id, start.read_compacted);
  } else if (std::get<InitialPosition>(start.position) == InitialPosition::earliest) {
    position = first_of(start.read_compacted);
  }
  auto reader =
      std::make_shared<TopicReader>(*this, position, start.read_compacted, permits, std::move(sink));
  readers_.insert(reader);
  // In a turn of its own, as for consumers.
  core_.loop.post([self = shared_from_this(), reader] { reader->pump(); });
  return std::make_shared<ReaderHandle>(shared_from_this(), std::move(reader));
}

// --- termination
// ---------------------------------------------------------------------------------------------------

std::optional<MessageId> Topic::last_message_id() const {
  if (end_.value == 0) return std::nullopt;
  return id_of(EntryId{end_.value - 1});
}

/// First the log takes no more, then what it had taken becomes durable: so the last message is known. Only
/// then it is written down for good; a stop before that leaves the topic as it was.
void Topic::terminate(Answer<std::optional<MessageId>> answer) {
  if (auto usable = check_usable(); !usable) return answer(std::unexpected(usable.error()));
  if (terminated()) return answer(last_message_id());
  terminating_.push_back(std::move(answer));
  if (terminating_.size() > 1) return;
  context_->log->seal(row_.id, true);
  storage::Transaction barrier;
  barrier.operations.emplace_back(storage::Trim{.topic = row_.id, .before = EntryId{0}});
  barrier.done = [self = shared_from_this()](const Result<storage::Receipt>& receipt) {
    self->core_.loop.post(
        [self, done = receipt ? Result<>{} : std::unexpected(receipt.error())] { self->sealed(done); });
  };
  context_->log->submit(std::move(barrier));
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
  for (const auto& [name, subscription] : subscriptions_) count += subscription->consumer_count();
  return count;
}

bool Topic::in_use() const {
  return subscription_count() > 0 || !readers_.empty() || !producers_.idle();
}

void Topic::drop_again() {
  if (!drop_refused_) return;
  auto answer = *std::move(drop_refused_);
  drop_refused_.reset();
  finish_removal(std::move(answer));
}

Result<> Topic::check_usable() const {
  if (core_.ended) return std::unexpected(*core_.ended);
  if (deleted())
    return fail(ErrorCode::topic_not_found, fmt::format("topic {} was deleted; open it again", row_.name));
  return {};
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
  for (const auto& reader : std::exchange(readers_, {})) reader->shut_down(reason);
}

TopicStats Topic::stats() const {
  TopicStats stats;
  stats.topic = row_.name;
  stats.messages_in = counters_.messages_in;
  stats.bytes_in = counters_.bytes_in;
  stats.messages_out = counters_.messages_out;
  stats.bytes_out = counters_.bytes_out;
  stats.stored_messages = end_.value - first_.value;
  if (const PublishGate* gate = gate_if_made()) stats.publish_paused = gate->paused();
  stats.durability = limits_.durability();
  stats.producers = static_cast<std::uint32_t>(producers_.count());
  if (end_ > first_) stats.last_message_id = last_message_id();
  stats.terminated = terminated();
  stats.compaction = compaction_.stats();
  for (const auto& [name, subscription] : subscriptions_)
    stats.subscriptions.push_back(subscription->stats());
  if (const auto state = context_->log->state(row_.id)) stats.stored_bytes = state->stored_bytes;
  return stats;
}

void Topic::add_to(BrokerStats& sums) const {
  sums.topics += 1;
  sums.topics_loaded += 1;
  sums.producers += producers_.count();
  sums.readers += readers_.size();
  for (const auto& [name, subscription] : subscriptions_) subscription->add_to(sums);
}

}  // namespace geminga::broker
