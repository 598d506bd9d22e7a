#include "broker/topic.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "broker/compaction/view_search.hpp"
#include "broker/time_search.hpp"

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
  counters_.messages_in += note.messages;
  counters_.bytes_in += note.bytes;
  quiet_since_.reset();
  limits_.note_used();
  pump_all();
}

void Topic::pump_all() {
  for (const auto& [name, subscription] : std::map(passing_)) subscription->pump();
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

void Topic::count_out(std::uint64_t messages, std::uint64_t bytes) {
  counters_.messages_out += messages;
  counters_.bytes_out += bytes;
}

Result<> Topic::check_usable() const {
  if (core_.ended) return std::unexpected(*core_.ended);
  if (deleted())
    return fail(ErrorCode::topic_not_found, fmt::format("topic {} was deleted; open it again", row_.name));
  return {};
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

Result<bool> Topic::has(const MessageId& id) const {
  if (id.ledger > ledgers_.current || (id.ledger == ledgers_.current && id.entry >= end_))
    return fail(ErrorCode::conflict, fmt::format("{} has given nobody a message of the id {}:{}", name(),
                                                 id.ledger.value, id.entry.value));
  // Of ledgers that are forgotten only a view may keep entries.
  const auto& past = ledgers_.past;
  const bool some_forgotten = !past.empty() && past.front().ledger.value == 0;
  if (some_forgotten && id.entry < past.front().end && compaction_.view() != nullptr)
    return id.ledger < (past.size() > 1 ? past[1].ledger : ledgers_.current);
  const auto span = ledgers_.span(id.ledger, end_);
  return span.first <= id.entry && id.entry < span.end;
}

EntryId Topic::behind(const MessageId& id, bool compacted) const {
  const EntryId at = position_of(id, compacted);
  return at == id.entry && at < ledgers_.span(id.ledger, end_).end ? EntryId{at.value + 1} : at;
}

void Topic::when_durable(const MessageId& id, std::move_only_function<void(Result<>)> then) {
  const bool waits =
      id.ledger == ledgers_.current && id.entry >= end_ && id.entry < context_->log->answered_before(row_.id);
  if (!waits) return then(Result<>{});
  submit_barrier(std::move(then));
}

void Topic::submit_barrier(std::move_only_function<void(Result<>)> then) {
  storage::Transaction barrier;  // changes nothing, but what waits goes to the disk with it
  barrier.operations.emplace_back(storage::Trim{.topic = row_.id, .before = EntryId{0}});
  barrier.done = [self = shared_from_this(),
                  then = std::move(then)](Result<storage::Receipt> receipt) mutable {
    self->core_.loop.post(
        [self, then = std::move(then),
         done = receipt ? Result<>{} : Result<>(std::unexpected(receipt.error()))]() mutable {
          then(std::move(done));
        });
  };
  context_->log->submit(std::move(barrier));
}

void Topic::place_reader(const ReaderStart& start, std::move_only_function<void(Result<EntryId>)> then) {
  const bool compacted = start.read_compacted;
  if (const auto* position = std::get_if<InitialPosition>(&start.position))
    return then(*position == InitialPosition::earliest ? first_of(compacted) : end_);
  if (const auto* since = std::get_if<Timestamp>(&start.position)) {
    if (compacted && compaction_.view() != nullptr) return place_in_view(*since, std::move(then));
    return find_by_time(shared_from_this(), first_, end_, *since, std::move(then));
  }
  const MessageId id = std::get<MessageId>(start.position);
  when_durable(id, [self = shared_from_this(), id, compacted, inclusive = start.inclusive,
                    then = std::move(then)](Result<> known) mutable {
    if (!known) return then(std::unexpected(known.error()));
    then(inclusive ? self->position_of(id, compacted) : self->behind(id, compacted));
  });
}

void Topic::place_in_view(Timestamp since, std::move_only_function<void(Result<EntryId>)> then) {
  const View view = *compaction_.view();
  find_in_view(
      shared_from_this(), view,
      [since](const storage::EntryHeader& header) { return header.publish_time < since; },
      [self = shared_from_this(), since, view, then = std::move(then)](Result<ViewPlace> place) mutable {
        if (self->compaction_.view()->topic != view.topic) return self->place_in_view(since, std::move(then));
        if (!place) return then(std::unexpected(place.error()));
        if (place->entry < view.horizon) return then(place->entry);
        find_by_time(self, std::max(view.horizon, self->first_), self->end_, since, std::move(then));
      });
}

Result<ReaderPtr> Topic::add_reader(EntryId position, bool read_compacted, Permits permits,
                                    std::shared_ptr<DeliverySink> sink) {
  if (auto usable = check_usable(); !usable) return std::unexpected(usable.error());
  position = std::clamp(position, first_of(read_compacted), end_);  // it may have been trimmed meanwhile
  auto reader = std::make_shared<TopicReader>(*this, position, read_compacted, permits, std::move(sink));
  readers_.insert(reader);
  // In a turn of its own, as for consumers.
  core_.loop.post([self = shared_from_this(), reader] { reader->pump(); });
  return std::make_shared<ReaderHandle>(shared_from_this(), std::move(reader));
}

std::optional<MessageId> Topic::last_message_id() const {
  if (end_.value == 0) return std::nullopt;
  return id_of(EntryId{end_.value - 1});
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
  for (const auto& [name, subscription] : passing_) stats.subscriptions.push_back(subscription->stats());
  if (const auto state = context_->log->state(row_.id)) stats.stored_bytes = state->stored_bytes;
  return stats;
}

void Topic::add_to(BrokerStats& sums) const {
  sums.topics += 1;
  sums.topics_loaded += 1;
  sums.producers += producers_.count();
  sums.readers += readers_.size();
  for (const auto& [name, subscription] : subscriptions_) subscription->add_to(sums);
  for (const auto& [name, subscription] : passing_) sums.consumers += subscription->consumer_count();
}

}  // namespace geminga::broker
