#include "model.hpp"

#include <algorithm>

#include "breach.hpp"

namespace geminga::sim {

// --- one subscription, one topic
// -------------------------------------------------------------------------

void Position::skip_to(std::uint64_t next) {
  open.erase(open.begin(), open.lower_bound(next));
  partly.erase(partly.begin(), partly.lower_bound(next));
}

void Subscription::forget_deliveries() {
  out.clear();
  returned.clear();
  settling.clear();
  settling_partly.clear();
  seen.clear();
  next_new.clear();
  unordered = false;
  held_ever = false;
}

void Subscription::skipped_to(std::uint64_t next) {
  // What is out may be settled yet, part by part.
  for (const auto& [entry, places] : partly) {
    if (const auto its = out.find(entry); entry < next && its != out.end()) its->second.settled = places;
  }
  skip_to(next);
  returned.erase(returned.begin(), returned.lower_bound(next));
  seen.erase(seen.begin(), seen.lower_bound(next));
}

void Subscription::moved_to(Position position) {
  static_cast<Position&>(*this) = std::move(position);
  forget_deliveries();
}

Position Topic::position_at(std::uint64_t next) const {
  Position position;
  for (std::uint64_t entry = std::max(next, first); entry < end; ++entry) position.open.insert(entry);
  return position;
}

std::uint64_t Topic::entry_since(Timestamp since) const {
  for (std::uint64_t entry = first; entry < end; ++entry) {
    if (messages.at(entry).publish_time >= since) return entry;
  }
  return end;
}

void Topic::give_indexes() {
  for (auto at = messages.find(indexed_); at != messages.end() && at->first == indexed_; ++at) {
    at->second.index = next_index_;
    next_index_ += at->second.count;
    indexed_ += 1;
  }
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
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto& [name, message, expected] = record.publications[i];
    if (message.numbered) {
      const Numbered& its = *message.numbered;
      topic(name).names.at(its.producer).answered(its.sequence, expected, ids[i]);
    }
    if (expected == Expected::stored) stored(name, message, ids[i]);
  }
  if (record.acknowledged) acknowledged(*record.acknowledged);
}

void Model::stored(const std::string& name, Message message, MessageId id) {
  Topic& to = topic(name);
  if (to.ledger && *to.ledger != id.ledger)
    breach("{}: the ledger was {} and is now {}", name, to.ledger->value, id.ledger.value);
  to.ledger = id.ledger;
  const std::uint64_t entry = id.entry.value;
  if (message.numbered) to.names[message.numbered->producer].stored[message.numbered->sequence] = entry;
  to.messages_in += message.count;
  if (!to.messages.emplace(entry, std::move(message)).second || entry < to.trimmable)
    breach("{}: the id {} was given twice", name, entry);
  to.end = std::max(to.end, entry + 1);
  to.give_indexes();
  for (auto& [ignored, subscription] : to.subscriptions) subscription.open.insert(entry);
}

void Model::acknowledged(const Record::Acknowledgement& what) {
  Subscription& at = subscription(what.topic, what.subscription);
  const auto whole = [&](std::uint64_t entry) {
    at.open.erase(entry);
    at.partly.erase(entry);
    at.out.erase(entry);
    at.returned.erase(entry);
    at.seen.erase(entry);
  };
  for (const std::uint64_t entry : what.entries) whole(entry);
  for (const auto& [entry, places] : what.partly) {
    const std::uint32_t count = topic(what.topic).messages.at(entry).count;
    if (!at.open.contains(entry)) {  // skipped meanwhile: when all of it is settled, it is not out any more
      const auto out = at.out.find(entry);
      if (out == at.out.end()) continue;
      out->second.settled.insert(places.begin(), places.end());
      if (out->second.settled.size() == count) at.out.erase(out);
      continue;
    }
    Places& all = at.partly[entry];
    all.insert(places.begin(), places.end());
    const auto left = static_cast<std::uint32_t>(count - all.size());
    if (left == 0) {
      whole(entry);
    } else if (const auto out = at.out.find(entry); out != at.out.end()) {
      out->second.unacked = left;
    }
  }
}

// --- what follows
// ----------------------------------------------------------------------------------------

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
  return std::min(acknowledged, topic.entry_since(now.wall - *topic.retention.time));
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
    topic.epoch_doubtful = topic.epoch_asked > topic.epoch.value_or(0);
    for (auto& [ignored, subscription] : topic.subscriptions) {
      subscription.forget_deliveries();
      subscription.messages_out = 0;
      subscription.redelivered = 0;
    }
  }
}

}  // namespace geminga::sim
