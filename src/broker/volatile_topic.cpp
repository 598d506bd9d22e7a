#include "broker/volatile_topic.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/try.hpp"

namespace geminga::broker {
namespace {

/// Messages in chunks that a subscription has the beginning of.
constexpr std::size_t kChunkedMax = 1'000;

Result<> check_entry(const storage::Append& entry, const std::string& topic) {
  if (entry.deliver_at)
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} is non-persistent: it cannot hold a message until its time", topic));
  if ((entry.flags & storage::EntryFlags::kDeduplicate) != 0)
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} is non-persistent: it does not know what was sent before; send without a "
                            "sequence id",
                            topic));
  return {};
}

/// Where they lie from now on, and who keeps them there.
std::pair<std::string_view, std::shared_ptr<const void>> take_bytes(storage::Append& append) {
  if (append.owner) return {append.lying, std::move(append.owner)};
  const auto body = std::make_shared<const std::string>(std::move(append.body));
  return {*body, body};
}

}  // namespace

// --- publishing
// ----------------------------------------------------------------------------------------------------

Result<> VolatileTopic::check_open() const {
  return ended_ ? Result<>(std::unexpected(*ended_)) : Result<>{};
}

Result<std::vector<MessageId>> VolatileTopic::publish(std::vector<storage::Append> entries) {
  for (const storage::Append& entry : entries) GEMINGA_TRY_VOID(check_entry(entry, name_));
  std::vector<MessageId> ids;
  ids.reserve(entries.size());
  const std::lock_guard lock(mutex_);
  GEMINGA_TRY_VOID(check_open());
  last_publish_time_ = std::max(last_publish_time_, clock_.wall_now());
  for (storage::Append& append : entries) {
    const auto [body, owner] = take_bytes(append);
    const storage::Entry entry{.header = {.entry = EntryId{next_entry_++},
                                          .message_count = append.message_count,
                                          .publish_time = last_publish_time_,
                                          .key_hash = append.key_hash,
                                          .flags = append.flags,
                                          .format = append.format,
                                          .chunk_index = append.chunk_index,
                                          .chunk_count = append.chunk_count,
                                          .producer = append.producer,
                                          .sequence = append.sequence,
                                          .body_bytes = static_cast<std::uint32_t>(body.size()),
                                          .body_crc = append.body_crc},
                               .body = body,
                               .owner = owner};
    messages_in_ += append.message_count;
    bytes_in_ += body.size();
    for (auto& [name, subscription] : subscriptions_) offer(subscription, entry);
    ids.push_back({.ledger = entry.header.ledger, .entry = entry.header.entry});
  }
  return ids;
}

void VolatileTopic::offer(Subscription& subscription, const storage::Entry& entry) {
  const std::uint32_t messages = std::max(1U, entry.header.message_count);
  const ConsumerNumber to = choose(subscription, entry.header);
  if (to == 0) {
    subscription.dropped += messages;
    dropped_ += messages;
    return;
  }
  Recipient& recipient = *subscription.recipients.find(to);
  recipient.messages -= messages;
  recipient.bytes -= static_cast<std::int64_t>(permit_bytes(entry));
  for (std::uint64_t* out : {&recipient.messages_out, &subscription.messages_out, &messages_out_})
    *out += messages;
  for (std::uint64_t* out : {&recipient.bytes_out, &subscription.bytes_out, &bytes_out_})
    *out += entry.header.body_bytes;
  std::vector<Delivered> one;
  one.push_back({.entry = entry});
  subscription.consumers.at(to).sink->on_entries(std::move(one));
}

ConsumerNumber VolatileTopic::choose(Subscription& subscription, const storage::EntryHeader& header) {
  if (subscription.type == SubscriptionType::shared) {
    return ChunkOrder::is_chunk(header) ? choose_for_chunk(subscription, header)
                                        : subscription.recipients.next_in_turn();
  }
  const bool keyed = subscription.type == SubscriptionType::key_shared;
  const ConsumerNumber only =
      keyed ? subscription.owners.owner(header.key_hash) : subscription.recipients.active();
  const Recipient* recipient = subscription.recipients.find(only);
  return recipient != nullptr && recipient->can_take() ? only : 0;
}

/// Only who gets all chunks of a message can put it together: where one has no room, the rest is of no use to
/// anybody either.
ConsumerNumber VolatileTopic::choose_for_chunk(Subscription& subscription,
                                               const storage::EntryHeader& header) {
  const std::pair name{header.producer, header.sequence};
  const bool last = header.chunk_index + 1 >= header.chunk_count;
  const auto known = subscription.chunked.find(name);
  ConsumerNumber to = known == subscription.chunked.end() ? 0 : known->second;
  if (header.chunk_index == 0) to = subscription.recipients.next_in_turn();
  const Recipient* recipient = subscription.recipients.find(to);
  if (recipient == nullptr || !recipient->can_take()) to = 0;
  if (known != subscription.chunked.end()) subscription.chunked.erase(known);
  if (to == 0 || last) return to;
  // Some never end.
  if (subscription.chunked.size() >= kChunkedMax) subscription.chunked.erase(subscription.chunked.begin());
  subscription.chunked.emplace(name, to);
  return to;
}

Result<> VolatileTopic::add_producer(const std::string& name) {
  const std::lock_guard lock(mutex_);
  GEMINGA_TRY_VOID(check_open());
  if (!producers_.insert(name).second) {
    return fail(
        ErrorCode::producer_busy,
        fmt::format("a producer '{}' is connected to {}; close it, or choose another name", name, name_));
  }
  return {};
}

void VolatileTopic::remove_producer(const std::string& name) {
  const std::lock_guard lock(mutex_);
  producers_.erase(name);
}

// --- consumers
// -----------------------------------------------------------------------------------------------------

Result<> VolatileTopic::check_attach(const Subscription& subscription,
                                     const SubscribeOptions& options) const {
  if (subscription.consumers.empty()) return {};
  const bool other_kind =
      options.hash_ranges.empty() != subscription.consumers.begin()->second.hash_ranges.empty();
  if (options.type != subscription.type || other_kind) {
    return fail(ErrorCode::subscription_type_mismatch,
                fmt::format("subscription '{}' of {} is in use with another type or other hash ranges; use "
                            "the same, or another name",
                            options.subscription, name_));
  }
  if (options.type == SubscriptionType::exclusive) {
    return fail(ErrorCode::consumer_busy,
                fmt::format("exclusive subscription '{}' of {} has a consumer", options.subscription, name_));
  }
  if (subscription.owners.holder_of_any(options.hash_ranges) != 0) {
    return fail(ErrorCode::consumer_busy,
                fmt::format("another consumer of subscription '{}' of {} holds some of these hash ranges",
                            options.subscription, name_));
  }
  return {};
}

Result<VolatileTopic::Seat> VolatileTopic::attach(const SubscribeOptions& options,
                                                  std::shared_ptr<DeliverySink> sink) {
  const std::lock_guard lock(mutex_);
  GEMINGA_TRY_VOID(check_open());
  GEMINGA_TRY_VOID(check_hash_ranges(options));
  Subscription& subscription = subscriptions_[options.subscription];
  GEMINGA_TRY_VOID(check_attach(subscription, options));
  subscription.type = options.type;
  const ConsumerNumber number = ++last_consumer_;
  subscription.consumers.emplace(
      number, Connected{.sink = std::move(sink), .hash_ranges = options.hash_ranges, .told_active = {}});
  subscription.recipients.add(
      number,
      {.name = options.consumer_name.empty() ? fmt::format("consumer-{}", number) : options.consumer_name,
       .priority = options.priority,
       .messages = options.permits.messages,
       .bytes = static_cast<std::int64_t>(options.permits.bytes)});
  if (options.type == SubscriptionType::key_shared) subscription.owners.add(number, options.hash_ranges);
  tell_who_is_active(subscription);
  return Seat{.subscription = options.subscription, .number = number};
}

Result<VolatileTopic::Seat> VolatileTopic::attach_reader(Permits permits,
                                                         std::shared_ptr<DeliverySink> sink) {
  const std::lock_guard lock(mutex_);
  GEMINGA_TRY_VOID(check_open());
  const ConsumerNumber number = ++last_consumer_;
  // A control character stands in no subscription's name.
  Seat seat{.subscription = fmt::format("\x1freader-{}", number), .number = number};
  Subscription& own = subscriptions_[seat.subscription];
  own.reader = true;
  own.consumers.emplace(number, Connected{.sink = std::move(sink), .hash_ranges = {}, .told_active = {}});
  own.recipients.add(
      number,
      {.name = "reader", .messages = permits.messages, .bytes = static_cast<std::int64_t>(permits.bytes)});
  return seat;
}

/// Who was active hears first that it is so no more.
void VolatileTopic::tell_who_is_active(Subscription& subscription) {
  if (subscription.type != SubscriptionType::failover) return;
  for (const bool active : {false, true}) {
    for (auto& [number, consumer] : subscription.consumers) {
      const bool its = number == subscription.recipients.active();
      if (its != active || consumer.told_active == active) continue;
      consumer.told_active = active;
      consumer.sink->on_active_change(active);
    }
  }
}

void VolatileTopic::flow(const Seat& seat, Permits more) {
  const std::lock_guard lock(mutex_);
  const auto subscription = subscriptions_.find(seat.subscription);
  if (subscription == subscriptions_.end()) return;
  Recipient* recipient = subscription->second.recipients.find(seat.number);
  if (recipient == nullptr) return;
  recipient->messages += more.messages;
  recipient->bytes += static_cast<std::int64_t>(more.bytes);
}

void VolatileTopic::stop(const Seat& seat) {
  const std::lock_guard lock(mutex_);
  const auto subscription = subscriptions_.find(seat.subscription);
  if (subscription == subscriptions_.end()) return;
  if (Recipient* recipient = subscription->second.recipients.find(seat.number)) recipient->stopped = true;
}

void VolatileTopic::detach(const Seat& seat) {
  const std::lock_guard lock(mutex_);
  const auto found = subscriptions_.find(seat.subscription);
  if (found == subscriptions_.end()) return;
  Subscription& subscription = found->second;
  if (subscription.consumers.erase(seat.number) == 0) return;
  subscription.recipients.remove(seat.number);
  if (subscription.type == SubscriptionType::key_shared) subscription.owners.remove(seat.number);
  if (subscription.consumers.empty()) {
    subscriptions_.erase(found);
  } else {
    tell_who_is_active(subscription);
  }
}

void VolatileTopic::give_up(const Seat& seat, std::uint64_t messages) {
  const std::lock_guard lock(mutex_);
  dropped_ += messages;
  const auto subscription = subscriptions_.find(seat.subscription);
  if (subscription != subscriptions_.end()) subscription->second.dropped += messages;
}

// --- end
// -----------------------------------------------------------------------------------------------------------

std::size_t VolatileTopic::connected() const {
  std::size_t count = producers_.size();
  for (const auto& [name, subscription] : subscriptions_) count += subscription.consumers.size();
  return count;
}

bool VolatileTopic::unused() const {
  const std::lock_guard lock(mutex_);
  return connected() == 0;
}

Result<> VolatileTopic::remove(bool force) {
  {
    const std::lock_guard lock(mutex_);
    if (connected() > 0 && !force) {
      return fail(ErrorCode::conflict,
                  fmt::format("topic {} has {} producers, consumers or readers; close them, or force", name_,
                              connected()));
    }
  }
  shut_down({ErrorCode::topic_not_found, fmt::format("topic {} was deleted", name_)});
  return {};
}

void VolatileTopic::shut_down(const Error& reason) {
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  ended_ = reason;
  for (auto& [name, subscription] : std::exchange(subscriptions_, {})) {
    for (auto& [number, consumer] : subscription.consumers) consumer.sink->on_closed(reason);
  }
}

TopicStats VolatileTopic::stats() const {
  const std::lock_guard lock(mutex_);
  TopicStats stats;
  stats.topic = name_;
  stats.messages_in = messages_in_;
  stats.bytes_in = bytes_in_;
  stats.messages_out = messages_out_;
  stats.bytes_out = bytes_out_;
  stats.dropped = dropped_;
  stats.producers = static_cast<std::uint32_t>(producers_.size());
  for (const auto& [name, subscription] : subscriptions_) {
    if (subscription.reader) continue;
    SubscriptionStats one;
    one.name = name;
    one.type = subscription.type;
    one.durable = false;
    one.messages_out = subscription.messages_out;
    one.bytes_out = subscription.bytes_out;
    one.dropped = subscription.dropped;
    one.consumers = static_cast<std::uint32_t>(subscription.consumers.size());
    const ConsumerNumber active = subscription.recipients.active();
    for (const auto& [number, recipient] : subscription.recipients.all()) {
      one.connected.push_back({.name = recipient.name,
                               .priority = recipient.priority,
                               .active = subscription.type != SubscriptionType::failover || number == active,
                               .permits = recipient.messages,
                               .messages_out = recipient.messages_out,
                               .bytes_out = recipient.bytes_out,
                               .hash_ranges = subscription.consumers.at(number).hash_ranges});
    }
    stats.subscriptions.push_back(std::move(one));
  }
  return stats;
}

}  // namespace geminga::broker
