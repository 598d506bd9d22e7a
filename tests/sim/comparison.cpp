#include "comparison.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/await.hpp"
#include "breach.hpp"
#include "broker/raw_message.hpp"
#include "world.hpp"

namespace geminga::sim {
namespace {

constexpr std::chrono::seconds kPatience{60};

template <class T, class Start>
T must(const char* what, Start start) {
  auto result = base::await<T>([&](auto done) { start(broker::Done<T>(std::move(done))); }, kPatience, what);
  if (!result) breach("after the start {} failed: {}", what, result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Keeps what comes.
class Collector final : public broker::DeliverySink {
 public:
  void on_entries(std::vector<broker::Delivered> entries) override {
    const std::lock_guard lock(mutex_);
    for (const auto& delivered : entries) {
      const std::uint64_t id = delivered.entry.header.entry.value;
      if (!there_.open.insert(id).second) twice_ = true;
      if (auto places = to_places(delivered.acknowledged); !places.empty())
        there_.partly.emplace(id, std::move(places));
    }
    changed_.notify_all();
  }
  void on_closed(Error) override {}
  Position wait_for(std::uint64_t count, const std::string& where) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return there_.open.size() >= count; }))
      breach("{}: {} messages came of a backlog of {}", where, there_.open.size(), count);
    if (twice_) breach("{}: a message came twice", where);
    return there_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Position there_;
  bool twice_ = false;
};

/// What is on the disk of one topic.
struct Stored {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  std::map<std::uint64_t, std::uint64_t> new_numbers;  ///< of messages that were in doubt, to their entry
  std::map<std::string, Position> positions;           ///< by subscription
};

class Comparison {
 public:
  Comparison(broker::Broker& broker, Model& model) : broker_(broker), model_(model) {}

  void run() {
    const auto names = broker_.topics("public/default");
    if (!names) breach("the topics cannot be listed: {}", names.error().message);
    compare_names(*names);
    for (auto& [name, topic] : model_.topics) look_at(name, topic);
    for (auto& [number, record] : model_.asked) decide(record);
    model_.asked.clear();
    for (auto& [name, topic] : model_.topics) {
      compare_subscriptions(name, topic);
      for (auto& [ignored, producer] : topic.names) producer.accepted = producer.last();
    }
  }

 private:
  void compare_names(const std::vector<std::string>& names) {
    const std::set<std::string> there(names.begin(), names.end());
    for (const std::string& name : there) {
      if (!model_.topics.contains(name)) breach("{} is there and was deleted, or never created", name);
    }
    std::erase_if(model_.topics, [&](const auto& topic) {
      if (there.contains(topic.first)) return false;
      if (!topic.second.doubtful) breach("{} is gone", topic.first);
      return true;
    });
  }

  void look_at(const std::string& name, Topic& topic) {
    topic.doubtful = false;
    Stored& stored = stored_[name];
    const auto handle = must<broker::TopicPtr>(
        "open_topic", [&](auto done) { broker_.open_topic(name, false, std::move(done)); });
    const auto stats = must<TopicStats>("stats", [&](auto done) { broker_.stats(handle, std::move(done)); });
    read_entries(name, handle, topic, stored);
    if (stored.end - stored.first != stats.stored_messages)
      breach("{}: {} entries can be read, the statistics say {}", name, stored.end - stored.first,
             stats.stored_messages);
    for (const SubscriptionStats& each : stats.subscriptions)
      stored.positions[each.name] = receive(name, handle, each);
  }

  void read_entries(const std::string& name, const broker::TopicPtr& handle, Topic& topic, Stored& stored) {
    std::optional<MessageId> after;
    for (;;) {
      const auto entries = must<std::vector<storage::Entry>>(
          "browse", [&](auto done) { broker_.browse(handle, after, 1'000, std::move(done)); });
      if (entries.empty()) break;
      for (const storage::Entry& entry : entries) {
        const std::uint64_t id = entry.header.entry.value;
        if (!after) stored.first = id;
        if (after && id != after->entry.value + 1) breach("{}: {} follows {}", name, id, after->entry.value);
        after = MessageId{.ledger = entry.header.ledger, .entry = entry.header.entry};
        look_at(name, topic, stored, entry);
      }
    }
    stored.end = after ? after->entry.value + 1 : topic.end;
    if (!after) stored.first = topic.end;
    if (stored.first > topic.trimmable)
      breach("{}: entries before {} are gone, only those before {} may be", name, stored.first,
             topic.trimmable);
    if (stored.end < topic.end)
      breach("{}: entries from {} to {} had their receipt and are lost", name, stored.end, topic.end - 1);
    topic.first = stored.first;
    topic.messages.erase(topic.messages.begin(), topic.messages.lower_bound(stored.first));
  }

  void look_at(const std::string& name, const Topic& topic, Stored& stored, const storage::Entry& entry) {
    const std::uint64_t id = entry.header.entry.value;
    if (topic.ledger && entry.header.ledger != *topic.ledger)
      breach("{}: the ledger was {} and is now {}", name, topic.ledger->value, entry.header.ledger.value);
    if (const auto known = topic.messages.find(id); known != topic.messages.end())
      return check_content(name, entry, known->second);
    const auto message = broker::decode_raw(entry);
    if (!message) breach("{} {} cannot be read: {}", name, id, message.error().message);
    const std::uint64_t number = Message::number_in(message->body);
    for (const auto& [asked, record] : model_.asked) {
      for (const Record::Publication& publication : record.publications) {
        if (publication.topic != name || publication.message.number != number) continue;
        check_content(name, entry, publication.message);
        if (const auto first = entry_of(name, publication);
            first || !stored.new_numbers.emplace(number, id).second)
          breach("{}: {} was sent again and is stored twice, at {} and {}", name, number,
                 first.value_or(stored.new_numbers[number]), id);
        ledgers_[name] = entry.header.ledger;
        return;
      }
    }
    breach("{} {} is a message that was never published there: '{}'", name, id, message->body.substr(0, 20));
  }

  /// Where a message that is sent again is stored for certain.
  [[nodiscard]] std::optional<std::uint64_t> entry_of(const std::string& topic,
                                                      const Record::Publication& publication) const {
    const auto& numbered = publication.message.numbered;
    if (!numbered) return std::nullopt;
    const Name& name = model_.topics.at(topic).names.at(numbered->producer);
    const auto stored = name.stored.find(numbered->sequence);
    return stored == name.stored.end() ? std::nullopt : std::optional(stored->second);
  }

  Position receive(const std::string& name, const broker::TopicPtr& handle, const SubscriptionStats& stats) {
    const std::string where = name + " " + stats.name;
    const auto collector = std::make_shared<Collector>();
    const broker::SubscribeOptions options{.subscription = stats.name,
                                           .type = SubscriptionType::shared,
                                           .initial_position = InitialPosition::earliest,
                                           .permits = {.messages = 1'000'000, .bytes = 1ULL << 40}};
    const auto consumer = must<broker::ConsumerPtr>(
        "subscribe", [&](auto done) { broker_.subscribe(handle, options, collector, std::move(done)); });
    static_cast<void>(collector->wait_for(stats.backlog, where));
    // Behind the close nothing comes any more: what is there now is everything.
    must<void>("close", [&](auto done) { consumer->close(std::move(done)); });
    auto all = collector->wait_for(stats.backlog, where);
    if (all.open.size() != stats.backlog)
      breach("{}: {} messages came of a backlog of {}", where, all.open.size(), stats.backlog);
    return all;
  }

  /// What of a record is there, and what is not.
  struct Found {
    std::size_t there = 0;
    std::size_t missing = 0;
    void add(bool is_there) { (is_there ? there : missing) += 1; }
  };

  [[nodiscard]] Found look_for(const Record::Acknowledgement& what) {
    Found found;
    const Subscription& before = model_.subscription(what.topic, what.subscription);
    const Position& now = stored_[what.topic].positions[what.subscription];
    for (const std::uint64_t entry : what.entries) {
      if (before.open.contains(entry)) found.add(!now.open.contains(entry));  // else skipped meanwhile
    }
    for (const auto& [entry, places] : what.partly) {
      if (!before.open.contains(entry)) continue;
      const auto known = before.partly.find(entry);
      const auto settled = now.partly.find(entry);
      for (const std::uint32_t place : places) {
        if (known != before.partly.end() && known->second.contains(place)) continue;
        found.add(!now.open.contains(entry) ||
                  (settled != now.partly.end() && settled->second.contains(place)));
      }
    }
    return found;
  }

  /// A record is there as a whole or not at all; then it is as if it had been answered.
  void decide(const Record& record) {
    Found messages;
    for (const Record::Publication& publication : record.publications) {
      if (publication.expected != Expected::stored) continue;
      messages.add(stored_[publication.topic].new_numbers.contains(publication.message.number));
    }
    const Found settled = record.acknowledged ? look_for(*record.acknowledged) : Found{};
    const std::size_t missing = messages.missing + settled.missing;
    if (missing > 0 && messages.there + settled.there > 0)
      breach(
          "a record is torn: {} of its messages and {} of its acknowledgements are there, {} and {} are not",
          messages.there, settled.there, messages.missing, settled.missing);
    const bool publish_only = !record.acknowledged;
    if (missing > 0) {
      hole_ |= publish_only;
      return;
    }
    // Publishing from one thread keeps its order, on the disk too.
    if (publish_only && hole_ && messages.there > 0)
      breach("a publication is there, one that was asked for before it is not");
    for (const auto& [topic, message, expected] : record.publications) {
      if (expected != Expected::stored) continue;
      const std::uint64_t entry = stored_[topic].new_numbers.at(message.number);
      model_.stored(topic, message, {.ledger = ledgers_[topic], .entry = EntryId{entry}});
    }
    if (record.acknowledged) model_.acknowledged(*record.acknowledged);
  }

  void compare_subscriptions(const std::string& name, Topic& topic) {
    const Stored& stored = stored_[name];
    topic.messages_in = 0;
    if (topic.end != stored.end && !topic.messages.empty())
      breach("{}: {} entries are there, {} are explained", name, stored.end, topic.end);
    for (const auto& [subscription, ignored] : stored.positions) {
      if (!topic.subscriptions.contains(subscription))
        breach("{} has a subscription {} that was removed, or never created", name, subscription);
    }
    std::erase_if(topic.subscriptions, [&](const auto& subscription) {
      if (stored.positions.contains(subscription.first)) return false;
      if (!subscription.second.doubtful) breach("{}: the subscription {} is gone", name, subscription.first);
      return true;
    });
    for (auto& [subscription_name, subscription] : topic.subscriptions)
      compare_position(name + " " + subscription_name, stored.positions.at(subscription_name), subscription);
  }

  static void compare_position(const std::string& where, const Position& there, Subscription& subscription) {
    // One whose creation is in doubt may begin anywhere: there was nobody to acknowledge.
    if (subscription.doubtful || subscription.moved_doubt == there) subscription.moved_to(there);
    subscription.doubtful = false;
    subscription.moved_doubt.reset();
    for (const std::uint64_t entry : there.open) {
      if (!subscription.open.contains(entry))
        breach("{}: {} is back though its acknowledgement or skip was confirmed", where, entry);
    }
    for (const std::uint64_t entry : subscription.open) {
      if (!there.open.contains(entry))
        breach("{}: the cursor is ahead: {} was not acknowledged and is lost", where, entry);
    }
    if (subscription.partly != there.partly)
      breach("{}: of batches other messages are acknowledged than were confirmed", where);
  }

  broker::Broker& broker_;
  Model& model_;
  std::map<std::string, Stored> stored_;
  std::map<std::string, LedgerId> ledgers_;
  bool hole_ = false;  ///< a publication in doubt is lost
};

}  // namespace

void compare(broker::Broker& broker, Model& model) {
  Comparison(broker, model).run();
}

}  // namespace geminga::sim
