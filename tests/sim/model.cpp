#include "model.hpp"

#include <algorithm>
#include <charconv>

#include "breach.hpp"

namespace geminga::sim {

std::string Message::body() const {
  std::string text = fmt::format("m{} ", number);
  text.resize(text.size() + bytes, static_cast<char>('a' + number % 26));
  return text;
}

std::uint64_t Message::number_in(std::string_view body) {
  std::uint64_t number = 0;
  const auto space = body.find(' ');
  if (body.starts_with('m') && space != std::string_view::npos) {
    const auto [end, error] = std::from_chars(body.data() + 1, body.data() + space, number);
    if (error == std::errc{} && end == body.data() + space) return number;
  }
  breach("a message that nobody sent: '{}'", body.substr(0, 40));
}

void Subscription::forget_deliveries() {
  out.clear();
  returned.clear();
  seen.clear();
  next_new.clear();
  unordered = false;
  held_ever = false;
}

Topic& Model::topic(const std::string& name) {
  const auto found = topics.find(name);
  if (found == topics.end()) breach("the topic {} is not known", name);
  return found->second;
}

Subscription& Model::subscription(const std::string& topic_name, const std::string& name) {
  auto& all = topic(topic_name).subscriptions;
  const auto found = all.find(name);
  if (found == all.end()) breach("the subscription {} of {} is not known", name, topic_name);
  return found->second;
}

// --- answers
// ---------------------------------------------------------------------------------------------

void Model::done(std::uint64_t number, const std::vector<MessageId>& ids) {
  const Record record = asked.extract(number).mapped();
  if (ids.size() != record.publications.size())
    breach("{} ids for {} messages", ids.size(), record.publications.size());
  for (std::size_t i = 0; i < ids.size(); ++i)
    stored(record.publications[i].topic, record.publications[i].message, ids[i]);
  if (record.acknowledged) acknowledged(*record.acknowledged);
}

void Model::stored(const std::string& name, Message message, MessageId id) {
  Topic& to = topic(name);
  if (to.ledger && *to.ledger != id.ledger)
    breach("{}: the ledger was {} and is now {}", name, to.ledger->value, id.ledger.value);
  to.ledger = id.ledger;
  const std::uint64_t entry = id.entry.value;
  if (!to.messages.emplace(entry, std::move(message)).second || entry < to.trimmable)
    breach("{}: the id {} was given twice", name, entry);
  to.end = std::max(to.end, entry + 1);
  to.messages_in += 1;
  for (auto& [ignored, subscription] : to.subscriptions) subscription.open.insert(entry);
}

void Model::acknowledged(const Record::Acknowledgement& what) {
  Subscription& at = subscription(what.topic, what.subscription);
  for (const std::uint64_t entry : what.entries) {
    at.open.erase(entry);
    at.out.erase(entry);
    at.seen.erase(entry);
  }
}

// --- deliveries
// ------------------------------------------------------------------------------------------

namespace {

/// First deliveries of a key come in publish order, whoever joins and leaves.
void check_key_order(const Topic& topic, const Subscription& at, const std::string& name,
                     const Arrival& arrival, Now now) {
  const std::string& key = topic.messages.at(arrival.entry).key;
  for (const std::uint64_t earlier : at.open) {
    if (earlier >= arrival.entry) return;
    if (topic.messages.at(earlier).key != key || Model::held(topic, at, earlier, now)) continue;
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

}  // namespace

void Model::arrived(const std::string& topic_name, const std::string& name, const Arrival& arrival, Now now) {
  Topic& from = topic(topic_name);
  Subscription& at = subscription(topic_name, name);
  const std::string where = topic_name + " " + name;
  const std::uint64_t entry = arrival.entry;
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
  if (at.seen.insert(entry).second) {
    if (at.type == SubscriptionType::key_shared) {
      check_key_order(from, at, where, arrival, now);
    } else if (!at.unordered && !from.messages.at(entry).deliver_at) {
      std::uint64_t& next = at.next_new[arrival.consumer];
      if (entry < next) breach("{}: {} came first after {}", where, entry, next - 1);
      next = entry + 1;
    }
  }
  at.out.emplace(entry, Subscription::Out{.consumer = arrival.consumer, .redeliveries = redeliveries});
  from.messages_out += 1;
}

void Model::returned(Subscription& subscription, std::uint64_t entry, base::MonotonicTime due, bool counts) {
  const auto out = subscription.out.find(entry);
  const Subscription::Returned back{
      .due = due, .redeliveries = out->second.redeliveries + (counts ? 1 : 0), .from = out->second.consumer};
  subscription.out.erase(out);
  if (subscription.open.contains(entry)) subscription.returned.emplace(entry, back);
}

void Model::consumer_gone(Subscription& subscription, ConsumerNumber consumer, Now now) {
  std::vector<std::uint64_t> back;
  for (const auto& [entry, out] : subscription.out) {
    if (out.consumer == consumer) back.push_back(entry);
  }
  for (const std::uint64_t entry : back) returned(subscription, entry, now.monotonic, true);
}

// --- what follows
// ----------------------------------------------------------------------------------------

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

namespace {

std::uint64_t acknowledged_before(const Topic& topic) {
  std::uint64_t before = topic.end;
  for (const auto& [name, subscription] : topic.subscriptions) {
    if (!subscription.open.empty()) before = std::min(before, *subscription.open.begin());
  }
  return before;
}

bool keeps_everything(const Topic& topic) {
  return topic.subscriptions.empty() && topic.retention == RetentionPolicy{};
}

}  // namespace

std::optional<std::uint64_t> Model::first_after_trim(const Topic& topic, Now now) {
  if (topic.retention_doubt || topic.retention.bytes.value_or(0) > 0) return std::nullopt;
  if (keeps_everything(topic) || !topic.retention.time) return topic.first;
  const std::uint64_t acknowledged = acknowledged_before(topic);
  if (topic.retention.time->count() == 0) return acknowledged;
  for (auto at = topic.messages.lower_bound(topic.first); at != topic.messages.end(); ++at) {
    if (at->first >= acknowledged) break;
    if (at->second.publish_time >= now.wall - *topic.retention.time) return at->first;
  }
  return acknowledged;
}

void Model::note_trimmable(Topic& topic, Now now) {
  if (keeps_everything(topic) && !topic.retention_doubt) return;
  const std::uint64_t acknowledged = acknowledged_before(topic);
  const auto forgets = [&](const RetentionPolicy& policy, const Message& message) {
    // A limit of size goes by the average size: from the model's view it may take anything.
    return policy.bytes || (policy.time && message.publish_time < now.wall - *policy.time) ||
           (policy.time && policy.time->count() == 0);
  };
  for (auto at = topic.messages.lower_bound(topic.trimmable);
       at != topic.messages.end() && at->first < acknowledged; ++at) {
    if (!forgets(topic.retention, at->second) &&
        !(topic.retention_doubt && forgets(*topic.retention_doubt, at->second)))
      return;
    topic.trimmable = at->first + 1;
  }
}

void Model::restarted() {
  for (auto& [name, topic] : topics) {
    topic.messages_in = 0;
    topic.messages_out = 0;
    for (auto& [ignored, subscription] : topic.subscriptions) subscription.forget_deliveries();
  }
}

}  // namespace geminga::sim
