#include <algorithm>

#include "breach.hpp"
#include "model.hpp"

namespace geminga::sim {
namespace {

/// First deliveries of a key come in publish order, whoever joins and leaves; nothing comes before what was
/// published earlier and held, and is due.
void check_key_order(const Topic& topic, const Subscription& at, const std::string& name,
                     const Arrival& arrival, Now now) {
  const std::string& key = topic.messages.at(arrival.entry).key;
  for (const std::uint64_t earlier : at.open) {
    if (earlier >= arrival.entry) return;
    if (topic.messages.at(earlier).key != key || Model::held(topic, at, earlier, now)) continue;
    // Of several that were held the one with the earlier time may come first.
    if (topic.messages.at(earlier).deliver_at > topic.messages.at(arrival.entry).deliver_at) continue;
    // It was still out with this very consumer when the later one was sent: their ways have crossed.
    const auto back = at.returned.find(earlier);
    if (back != at.returned.end() && back->second.on_its_way && back->second.from == arrival.consumer)
      continue;
    const auto out = at.out.find(earlier);
    if (out == at.out.end()) {
      const bool delayed = topic.messages.at(earlier).deliver_at.has_value();
      breach("{}: key '{}': {} came to {} before {}, which {}{}waits", name, key, arrival.entry,
             arrival.consumer, earlier, delayed ? "was delayed and " : "",
             back == at.returned.end() ? std::string()
                                       : fmt::format("{} gave back {} and ", back->second.from,
                                                     back->second.on_its_way ? "just now" : "before"));
    }
    if (out->second.consumer != arrival.consumer)
      breach("{}: key '{}': {} came while {} is out with another consumer", name, key, arrival.entry,
             earlier);
  }
}

/// First deliveries come in publish order: to each consumer, and where one gets everything over all of them.
void check_order(Subscription& at, const std::string& name, const Arrival& arrival) {
  std::uint64_t& next = at.next_new[arrival.consumer];
  for (const auto& [consumer, its] : at.next_new) {
    const bool counts = at.one_active() || consumer == arrival.consumer;
    if (counts && arrival.entry < its)
      breach("{}: {} came first after {} had come to {}", name, arrival.entry, its - 1, consumer);
  }
  next = arrival.entry + 1;
}

}  // namespace

std::uint32_t Model::arrived(const std::string& topic_name, const std::string& name, const Arrival& arrival,
                             Now now) {
  Topic& from = topic(topic_name);
  Subscription& at = subscription(topic_name, name);
  const std::string where = topic_name + " " + name;
  const std::uint64_t entry = arrival.entry;
  const Message& message = from.messages.at(entry);
  if (!at.open.contains(entry)) breach("{}: {} came though it was acknowledged or skipped", where, entry);
  if (at.out.contains(entry)) breach("{}: {} came while it is out already", where, entry);
  std::uint32_t redeliveries = 0;
  if (const auto back = at.returned.find(entry); back != at.returned.end()) {
    if (back->second.due > now.monotonic) breach("{}: {} came again too early", where, entry);
    redeliveries = back->second.redeliveries;
    at.returned.erase(back);
  } else if (held(from, at, entry, now)) {
    breach("{}: {} came before its time", where, entry);
  }
  if (arrival.redeliveries != redeliveries)
    breach("{}: {} came with a redelivery count of {}, not {}", where, entry, arrival.redeliveries,
           redeliveries);
  const auto partly = at.partly.find(entry);
  const Places acknowledged = partly == at.partly.end() ? Places{} : partly->second;
  if (arrival.acknowledged != acknowledged)
    breach("{}: of {} {} messages are said to be acknowledged, not {}, or other ones", where, entry,
           arrival.acknowledged.size(), acknowledged.size());
  if (at.seen.insert(entry).second) {
    if (at.type == SubscriptionType::key_shared) {
      check_key_order(from, at, where, arrival, now);
    } else if (!at.unordered && !message.deliver_at) {
      check_order(at, where, arrival);
    }
  }
  const auto messages = static_cast<std::uint32_t>(message.count - acknowledged.size());
  at.out.emplace(entry, Subscription::Out{
                            .consumer = arrival.consumer, .redeliveries = redeliveries, .unacked = messages});
  at.messages_out += messages;
  from.messages_out += messages;
  if (redeliveries > 0) at.redelivered += messages;
  return messages;
}

void Model::returned(Subscription& subscription, std::uint64_t entry, base::MonotonicTime due, bool counts) {
  const auto out = subscription.out.find(entry);
  const Subscription::Returned back{
      .due = due, .redeliveries = out->second.redeliveries + (counts ? 1 : 0), .from = out->second.consumer};
  subscription.out.erase(out);
  if (subscription.open.contains(entry)) subscription.returned.emplace(entry, back);
}

void Model::return_all(Subscription& subscription, ConsumerNumber consumer, bool counts, Now now) {
  std::vector<std::uint64_t> back;
  for (const auto& [entry, out] : subscription.out) {
    if (out.consumer == consumer) back.push_back(entry);
  }
  for (const std::uint64_t entry : back) returned(subscription, entry, now.monotonic, counts);
}

bool Model::held(const Topic& topic, const Subscription& subscription, std::uint64_t entry, Now now) {
  const Message& message = topic.messages.at(entry);
  return subscription.hold_delayed && message.deliver_at && *message.deliver_at > now.wall &&
         !subscription.seen.contains(entry);
}

bool Model::due(const Topic& topic, const Subscription& subscription, std::uint64_t entry, Now now) {
  if (subscription.out.contains(entry)) return false;
  if (const auto back = subscription.returned.find(entry); back != subscription.returned.end())
    return back->second.due <= now.monotonic;
  const Message& message = topic.messages.at(entry);
  // What a consumer of another kind left put aside may stay there until its time.
  const bool may_be_held = subscription.hold_delayed || subscription.held_ever;
  return !may_be_held || !message.deliver_at || *message.deliver_at <= now.wall;
}

std::vector<std::string> Model::due_keys(const Topic& topic, const Subscription& subscription, Now now) {
  std::map<std::string, bool> first_is_due;
  std::set<std::string> out;
  for (const std::uint64_t entry : subscription.open) {
    const std::string& key = topic.messages.at(entry).key;
    if (subscription.out.contains(entry)) out.insert(key);
    if (!subscription.out.contains(entry) && held(topic, subscription, entry, now)) continue;
    first_is_due.emplace(key, due(topic, subscription, entry, now));
  }
  std::vector<std::string> keys;
  for (const auto& [key, is_due] : first_is_due) {
    if (is_due && !out.contains(key)) keys.push_back(key);
  }
  return keys;
}

}  // namespace geminga::sim
