#include "broker/producers.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/uuid.hpp"
#include "broker/subscription.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {

std::uint64_t producer_hash(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash == 0 ? 1 : hash;
}

// --- one producer
// --------------------------------------------------------------------------------------------------

ConnectedProducer::ConnectedProducer(TopicPtr topic, std::shared_ptr<PublishGate> gate, Identity identity,
                                     std::function<void(const Error&)> on_closed)
    : topic_(std::move(topic)),
      context_(topic_->context()),
      gate_(std::move(gate)),
      name_(std::move(identity.name)),
      hash_(producer_hash(name_)),
      epoch_(identity.epoch),
      on_closed_(std::move(on_closed)) {}

std::optional<std::uint64_t> ConnectedProducer::last_sequence_id() const {
  const auto sent = context_->log->sent_sequence(topic_->id(), hash_);
  return sent ? std::optional(sent->sequence) : std::nullopt;
}

namespace {

PublishSize size_of(const std::vector<storage::Append>& entries) {
  PublishSize size;
  for (const storage::Append& entry : entries) {
    size.messages += entry.message_count;
    size.bytes += entry.bytes().size();
  }
  return size;
}

/// From the first number to the last; nothing: none has one.
std::optional<base::NumberedSends::Range> numbers_of(const std::vector<storage::Append>& entries) {
  std::optional<base::NumberedSends::Range> range;
  for (const storage::Append& entry : entries) {
    if ((entry.flags & storage::EntryFlags::kDeduplicate) == 0) continue;
    if (!range) range = {.first = entry.sequence, .last = entry.sequence};
    range->last = std::max(range->last, entry.sequence);
  }
  return range;
}

}  // namespace

void ConnectedProducer::publish(std::vector<storage::Append> entries, Done<std::vector<MessageId>> done) {
  const PublishSize size = size_of(entries);
  const auto numbers = numbers_of(entries);
  Held send{.transaction = transaction_of(std::move(entries), std::move(done)), .size = size};
  std::unique_lock lock(mutex_);
  if (numbers) {
    if (!numbered_) numbered_ = std::make_shared<base::NumberedSends>();
    send.transaction.numbers = {.sends = numbered_, .range = *numbers};
  }
  const auto verdict = admit(send);
  if (!verdict) {
    if (refuse_in_place(send.transaction, verdict.error())) return;
    lock.unlock();
    return send.transaction.done(std::unexpected(verdict.error()));
  }
  if (*verdict == PublishGate::Verdict::go) return context_->log->submit(std::move(send.transaction));
  context_->held_bytes += send.bytes();
  held_.push_back(std::move(send));
  if (held_.size() == 1) gate_->held();
}

storage::Transaction ConnectedProducer::transaction_of(std::vector<storage::Append> entries,
                                                       Done<std::vector<MessageId>> done) {
  storage::Transaction transaction;
  transaction.operations.reserve(entries.size());
  for (storage::Append& entry : entries) {
    entry.topic = topic_->id();
    entry.producer = hash_;
    transaction.operations.emplace_back(std::move(entry));
  }
  transaction.done = [self = shared_from_this(),
                      done = std::move(done)](Result<storage::Receipt> receipt) mutable {
    if (!receipt) return done(std::unexpected(receipt.error()));
    std::vector<MessageId> ids;
    ids.reserve(receipt->appended.size());
    for (const storage::EntryHeader& header : receipt->appended)
      ids.push_back(to_message_id(header, self->topic_->partition()));
    done(std::move(ids));
  };
  return transaction;
}

Result<PublishGate::Verdict> ConnectedProducer::admit(const Held& send) {
  if (ended_) return std::unexpected(*ended_);
  if (held_.empty()) {
    auto verdict = gate_->admit(send.size);
    if (!verdict || *verdict == PublishGate::Verdict::go) return verdict;
  }
  const std::uint64_t budget = context_->options.publish_budget_bytes;
  if (context_->held_bytes.load() + send.bytes() <= budget) return PublishGate::Verdict::hold;
  return fail(ErrorCode::overloaded,
              fmt::format("policies of topics hold back sends, and the budget of {} bytes for them is spent; "
                          "try again later",
                          budget));
}

bool ConnectedProducer::refuse_in_place(storage::Transaction& transaction, const Error& error) {
  if (!transaction.numbers || !error.retryable()) return false;
  transaction.operations.clear();
  transaction.refused = std::make_unique<Error>(error);
  context_->log->submit(std::move(transaction));
  return true;
}

ConnectedProducer::Held ConnectedProducer::take_first_held() {
  Held first = std::move(held_.front());
  held_.pop_front();
  context_->held_bytes -= first.bytes();
  return first;
}

bool ConnectedProducer::release_held() {
  std::vector<std::pair<Held, Error>> refused;
  bool all = true;
  {
    const std::lock_guard lock(mutex_);
    while (!held_.empty()) {
      const auto verdict = gate_->admit(held_.front().size);
      all = !verdict || *verdict == PublishGate::Verdict::go;
      if (!all) break;
      Held first = take_first_held();
      if (verdict) {
        context_->log->submit(std::move(first.transaction));
      } else if (!refuse_in_place(first.transaction, verdict.error())) {
        refused.emplace_back(std::move(first), verdict.error());
      }
    }
  }
  for (auto& [held, reason] : refused) held.transaction.done(std::unexpected(std::move(reason)));
  return all;
}

bool ConnectedProducer::end(const Error& reason) {
  std::vector<Held> held;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return false;
    ended_ = reason;
    while (!held_.empty()) held.push_back(take_first_held());
  }
  for (Held& one : held) one.transaction.done(std::unexpected(reason));
  return true;
}

namespace {

/// The handle that users hold: takes calls from any thread to the topic's core.
class ProducerHandle final : public Producer {
 public:
  ProducerHandle(TopicPtr topic, ConnectedProducerPtr producer)
      : topic_(std::move(topic)), producer_(std::move(producer)) {}
  ~ProducerHandle() override {
    end();
    topic_->core().loop.post([topic = topic_, producer = producer_] { topic->producers().remove(producer); });
  }
  [[nodiscard]] const std::string& name() const override { return producer_->name(); }
  [[nodiscard]] std::optional<std::uint64_t> epoch() const override { return producer_->epoch(); }
  [[nodiscard]] std::optional<std::uint64_t> last_sequence_id() const override {
    return producer_->last_sequence_id();
  }
  void publish(std::vector<storage::Append> entries, Done<std::vector<MessageId>> done) override {
    producer_->publish(std::move(entries), std::move(done));
  }
  [[nodiscard]] bool paced() const override { return producer_->paced(); }
  [[nodiscard]] bool deduplicates() const override { return producer_->deduplicates(); }
  void close(Done<void> done) override {
    end();
    topic_->core().loop.post(
        [topic = topic_, producer = producer_, answer = Answer<void>(std::move(done))]() mutable {
          topic->producers().remove(producer);
          answer(Result<>{});
        });
  }

 private:
  void end() { producer_->end({ErrorCode::closed, "the producer was closed"}); }

  const TopicPtr topic_;
  const ConnectedProducerPtr producer_;
};

}  // namespace

// --- all of a topic
// ------------------------------------------------------------------------------------------------

void Producers::add(RegisterOptions options, Answer<ProducerPtr> answer) {
  if (options.name.empty()) options.name = "producer-" + base::random_uuid();
  requests_.push_back({std::move(options), std::move(answer)});
  process();
}

void Producers::process() {
  while (!granting_) {
    waiting_.remove_if([](const Request& one) { return one.given_up(); });
    // A free topic goes to who has waited for longest, also when the one before him could not be served.
    if (connected_.empty() && !waiting_.empty())
      requests_.splice(requests_.begin(), waiting_, waiting_.begin());
    if (requests_.empty()) return;
    Request next = std::move(requests_.front());
    requests_.pop_front();
    if (!next.given_up()) decide(std::move(next));
  }
}

Result<> Producers::check(const Request& request) const {
  if (auto usable = topic_.check_usable(); !usable) return usable;
  if (auto open = topic_.check_publishable(); !open) return open;
  if (auto open = topic_.limits().gate()->refuses(request.options.waits_for_quota_itself); !open) return open;
  const auto named = [&](const ConnectedProducerPtr& one) { return one->name() == request.options.name; };
  if (request.options.access != ProducerAccess::exclusive_with_fencing &&
      std::ranges::any_of(connected_, named)) {
    return fail(ErrorCode::producer_busy,
                fmt::format("a producer '{}' is connected to {}; close it, or choose another name",
                            request.options.name, topic_.name()));
  }
  const auto current = topic_.producer_epoch();
  if (request.options.epoch && current && *request.options.epoch < *current) {
    return fail(ErrorCode::producer_fenced,
                fmt::format("producer '{}' had epoch {} of {}, another took it over with epoch {}",
                            request.options.name, *request.options.epoch, topic_.name(), *current));
  }
  return {};
}

void Producers::decide(Request request) {
  if (auto good = check(request); !good) return request.answer(std::unexpected(good.error()));
  if (request.options.access != ProducerAccess::shared) return decide_exclusive(std::move(request));
  if (exclusive_) {
    return request.answer(
        fail(ErrorCode::producer_busy,
             fmt::format("producer '{}' has {} for itself", connected_.front()->name(), topic_.name())));
  }
  if (!waiting_.empty()) {
    return request.answer(
        fail(ErrorCode::producer_busy, fmt::format("producer '{}' waits until it has {} for itself",
                                                   waiting_.front().options.name, topic_.name())));
  }
  if (auto room = topic_.limits().check_producers(); !room)
    return request.answer(std::unexpected(room.error()));
  connect(std::move(request), std::nullopt);
}

void Producers::decide_exclusive(Request request) {
  switch (request.options.access) {
    case ProducerAccess::exclusive_with_fencing:
      return grant(std::move(request));
    case ProducerAccess::wait_for_exclusive:
      if (connected_.empty()) return grant(std::move(request));
      if (request.options.on_waiting) request.options.on_waiting(request.options.name);
      waiting_.push_back(std::move(request));
      return;
    default:
      if (connected_.empty()) return grant(std::move(request));
      return request.answer(
          fail(ErrorCode::producer_fenced,
               fmt::format("{} has {} producers; an exclusive one must be alone", topic_.name(), count())));
  }
}

/// The epoch is durable before anything is published under it, so that no restart forgets who was fenced.
void Producers::grant(Request request) {
  granting_ = true;
  const std::uint64_t epoch = request.options.epoch.value_or(topic_.producer_epoch().value_or(0) + 1);
  topic_.context()->metadata->set_producer_epoch(
      topic_.id(), epoch,
      [topic = topic_.shared_from_this(), epoch, request = std::move(request)](Result<> stored) mutable {
        topic->core().loop.post([topic, epoch, request = std::move(request), stored]() mutable {
          topic->producers().granted(std::move(request), epoch, stored);
        });
      });
}

void Producers::granted(Request request, std::uint64_t epoch, const Result<>& stored) {
  granting_ = false;
  if (!stored) {
    request.answer(std::unexpected(stored.error()));
  } else {
    topic_.set_producer_epoch(epoch);
    if (auto usable = topic_.check_usable(); !usable) {
      request.answer(std::unexpected(usable.error()));
    } else {
      take_over(request);
      exclusive_ = true;
      connect(std::move(request), epoch);
    }
  }
  process();
}

/// Only now that the epoch is durable: refused, it must not have thrown the others out.
void Producers::take_over(const Request& request) {
  if (request.options.access != ProducerAccess::exclusive_with_fencing) return;
  const Error reason{ErrorCode::producer_fenced,
                     fmt::format("producer '{}' took {} over", request.options.name, topic_.name())};
  for (const ConnectedProducerPtr& one : std::vector(connected_)) end(one, reason);
  for (Request& one : std::exchange(waiting_, {})) one.answer(std::unexpected(reason));
}

void Producers::connect(Request request, std::optional<std::uint64_t> epoch) {
  const std::uint64_t hash = producer_hash(request.options.name);
  topic_.context()->log->hold_sequence(topic_.id(), hash, true);
  auto producer = std::make_shared<ConnectedProducer>(
      topic_.shared_from_this(), topic_.limits().gate(),
      ConnectedProducer::Identity{.name = std::move(request.options.name), .epoch = epoch},
      std::move(request.options.on_closed));
  connected_.push_back(producer);
  topic_.limits().note_used();
  request.answer(std::make_shared<ProducerHandle>(topic_.shared_from_this(), std::move(producer)));
}

void Producers::remove(const ConnectedProducerPtr& producer) {
  if (std::erase(connected_, producer) == 0) return;
  topic_.context()->log->hold_sequence(topic_.id(), producer->hash(), false);
  if (connected_.empty()) exclusive_ = false;
  process();
}

bool Producers::release_held() {
  bool all = true;
  for (const ConnectedProducerPtr& one : std::vector(connected_)) all = one->release_held() && all;
  // The first takes what is there; another one is the first next time.
  if (!all && connected_.size() > 1) std::ranges::rotate(connected_, std::next(connected_.begin()));
  return all;
}

void Producers::end(const ConnectedProducerPtr& producer, const Error& reason) {
  const bool ended = producer->end(reason);
  std::erase(connected_, producer);
  exclusive_ = exclusive_ && !connected_.empty();
  topic_.context()->log->hold_sequence(topic_.id(), producer->hash(), false);
  if (ended) producer->tell_closed(reason);
}

void Producers::shut_down(const Error& reason) {
  for (Request& one : std::exchange(waiting_, {})) one.answer(std::unexpected(reason));
  for (Request& one : std::exchange(requests_, {})) one.answer(std::unexpected(reason));
  for (const ConnectedProducerPtr& one : std::vector(connected_)) end(one, reason);
}

}  // namespace geminga::broker
