#include "world.hpp"

#include <algorithm>
#include <chrono>

#include "broker/raw_message.hpp"
#include "comparison.hpp"

namespace geminga::sim {
namespace {

constexpr std::chrono::seconds kPatience{20};

}  // namespace

// --- mail
// ------------------------------------------------------------------------------------------------

void Mail::expect_answer() {
  const std::lock_guard lock(mutex_);
  ++answers_missing_;
}

void Mail::answered(Lane lane, Letter letter) {
  const std::lock_guard lock(mutex_);
  (lane == Lane::receipt ? receipts_ : events_).push_back(std::move(letter));
  --answers_missing_;
  changed_.notify_all();
}

void Mail::said(Letter letter) {
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(letter));
  changed_.notify_all();
}

void Mail::read(std::unique_lock<std::mutex>& lock) {
  auto receipts = std::exchange(receipts_, {});
  auto events = std::exchange(events_, {});
  lock.unlock();
  for (Letter& letter : receipts) letter();
  for (Letter& letter : events) letter();
  lock.lock();
}

void Mail::read_answers() {
  std::unique_lock lock(mutex_);
  while (answers_missing_ > 0 || !receipts_.empty() || !events_.empty()) {
    if (!changed_.wait_for(lock, kPatience, [this] { return answers_missing_ == 0; }))
      breach("{} calls were not answered", answers_missing_);
    read(lock);
  }
}

void Mail::read_until(const std::function<bool()>& enough, const std::function<std::string()>& complaint) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::unique_lock lock(mutex_);
  for (;;) {
    read(lock);
    if (enough()) return;
    if (!changed_.wait_until(lock, deadline, [this] { return !receipts_.empty() || !events_.empty(); }))
      throw Breach(complaint());
  }
}

// --- the clients
// -----------------------------------------------------------------------------------------

namespace {

/// Hands what comes to the run's thread.
class Sink final : public broker::DeliverySink {
 public:
  using Take = std::function<void(const std::vector<broker::Delivered>&, Now)>;
  Sink(const Machine& machine, std::shared_ptr<Mail> mail, Take take)
      : machine_(machine), mail_(std::move(mail)), take_(std::move(take)) {}
  void on_entries(std::vector<broker::Delivered> entries) override {
    mail_->said([take = take_, now = machine_.now(), entries = std::move(entries)] { take(entries, now); });
  }
  void on_closed(Error) override {}

 private:
  const Machine& machine_;
  const std::shared_ptr<Mail> mail_;
  const Take take_;
};

}  // namespace

World::World(std::uint64_t seed, storage::UnsafeOptions unsafe) : random(seed), machine(unsafe) {
  if (const auto started = machine.start(); !started)
    breach("it does not start: {}", started.error().message);
}

World::~World() {
  drop_handles();
}

broker::Done<void> World::success(std::string call, std::function<void()> then) {
  return answer<void>([call = std::move(call), then = std::move(then)](const Result<>& result) {
    if (!result) breach("{} failed: {}", call, result.error().message);
    then();
  });
}

std::uint64_t World::ask(Record record) {
  for (Record::Publication& publication : record.publications)
    publication.message.publish_time = machine.clock().wall_now();
  const std::uint64_t number = next_number();
  model.asked.emplace(number, std::move(record));
  return number;
}

broker::Publication World::publication(const Record::Publication& of) const {
  OutgoingMessage message{
      .body = of.message.body(), .key = of.message.key, .deliver_at = of.message.deliver_at};
  return {.topic = topics.at(of.topic),
          .append = broker::encode_raw(std::move(message), "", machine.now().wall)};
}

Message World::draw_message() {
  Message message{
      .number = next_number(),
      .bytes = static_cast<std::uint32_t>(random.chance(5) ? random.below(8'000) : random.below(400)),
      .key = {},
      .deliver_at = {}};
  if (random.chance(70)) message.key = fmt::format("k{}", random.below(5));
  if (random.chance(20))
    message.deliver_at = now().wall + std::chrono::milliseconds(random.between(1, 30'000));
  return message;
}

std::shared_ptr<broker::DeliverySink> World::consumer_sink(ConsumerNumber number) {
  return std::make_shared<Sink>(
      machine, mail_, [this, number](const auto& entries, Now then) { on_delivered(number, entries, then); });
}

std::shared_ptr<broker::DeliverySink> World::reader_sink(std::uint64_t number) {
  return std::make_shared<Sink>(machine, mail_,
                                [this, number](const auto& entries, Now) { on_read(number, entries); });
}

void check_content(const std::string& topic, const storage::Entry& entry, const Message& expected) {
  const std::uint64_t id = entry.header.entry.value;
  const auto message = broker::decode_raw(entry);
  if (!message) breach("{} {} cannot be read: {}", topic, id, message.error().message);
  if (message->body != expected.body() || message->key != expected.key)
    breach("{} {} is another message: '{}' key '{}', not '{}' key '{}'", topic, id,
           message->body.substr(0, 20), message->key, expected.body().substr(0, 20), expected.key);
  if (entry.header.deliver_at != expected.deliver_at) breach("{} {} has another deliver-at", topic, id);
  if (entry.header.publish_time != expected.publish_time)
    breach("{} {} has another publish time: {}, not {}", topic, id,
           entry.header.publish_time.time_since_epoch().count(),
           expected.publish_time.time_since_epoch().count());
  if (entry.header.message_index != id) breach("{} {} has index {}", topic, id, entry.header.message_index);
}

void World::on_delivered(ConsumerNumber number, const std::vector<broker::Delivered>& entries, Now then) {
  const auto found = consumers.find(number);
  if (found == consumers.end()) breach("messages for a consumer that has closed");
  LiveConsumer& consumer = found->second;
  // What was out with one that closes may come to another before the answer to the close does.
  for (const auto& [other, state] : consumers) {
    if (other != number && state.closing && state.topic == consumer.topic &&
        state.subscription == consumer.subscription)
      model.consumer_gone(model.subscription(state.topic, state.subscription), other, then);
  }
  for (const broker::Delivered& delivered : entries) {
    const std::uint64_t entry = delivered.entry.header.entry.value;
    if (consumer.permits == 0) breach("{}: {} came without a permit", consumer.subscription, entry);
    if (consumer.stopped) breach("{}: {} came after the stop", consumer.subscription, entry);
    consumer.permits -= 1;
    const auto& messages = model.topic(consumer.topic).messages;
    const auto expected = messages.find(entry);
    if (expected == messages.end())
      breach("{} {} was delivered and is not stored for certain", consumer.topic, entry);
    check_content(consumer.topic, delivered.entry, expected->second);
    model.arrived(consumer.topic, consumer.subscription,
                  {.consumer = number, .entry = entry, .redeliveries = delivered.redelivery_count}, then);
  }
}

void World::on_read(std::uint64_t number, const std::vector<broker::Delivered>& entries) {
  const auto found = readers.find(number);
  if (found == readers.end()) breach("messages for a reader that has closed");
  LiveReader& reader = found->second;
  Topic& topic = model.topic(reader.topic);
  for (const broker::Delivered& delivered : entries) {
    const std::uint64_t entry = delivered.entry.header.entry.value;
    const auto expected = topic.messages.find(entry);
    if (expected == topic.messages.end())
      breach("{} {} was read and is not stored for certain", reader.topic, entry);
    check_content(reader.topic, delivered.entry, expected->second);
    if (entry < reader.next) breach("{} {} was read twice", reader.topic, entry);
    if (entry > std::max(reader.next, topic.trimmable))
      breach("{}: a reader at {} got {}", reader.topic, reader.next, entry);
    reader.next = entry + 1;
    topic.messages_out += 1;
  }
}

void World::forget_consumers_of(const std::string& topic, const std::string& subscription) {
  std::erase_if(consumers, [&](const auto& each) {
    return each.second.topic == topic && each.second.subscription == subscription;
  });
}

void World::forget_topic(const std::string& topic) {
  std::erase_if(consumers, [&](const auto& each) { return each.second.topic == topic; });
  std::erase_if(readers, [&](const auto& each) { return each.second.topic == topic; });
  topics.erase(topic);
  model.topics.erase(topic);
}

void World::move_clock(std::function<void()> move) {
  if (topics.empty()) return move();
  // On the core: what it sent before, it sent at the old time.
  broker().stats(topics.begin()->second, [move, done = success<TopicStats>("stats", [](const TopicStats&) {
                                                })](Result<TopicStats> stats) mutable {
    move();
    done(std::move(stats));
  });
  for (const auto& [number, consumer] : consumers) consumer.handle->flow({});
}

// --- after each step
// -------------------------------------------------------------------------------------

std::string World::overdue(const std::string& topic_name, const std::string& name) const {
  const Topic& topic = model.topics.at(topic_name);
  const Subscription& subscription = topic.subscriptions.at(name);
  std::uint64_t with_permits = 0;
  std::uint64_t without = 0;
  for (const auto& [number, consumer] : consumers) {
    if (consumer.topic != topic_name || consumer.subscription != name) continue;
    (consumer.permits > 0 && !consumer.stopped ? with_permits : without) += 1;
  }
  if (with_permits == 0) return {};
  if (subscription.type == SubscriptionType::key_shared) {
    if (without > 0) return {};  // the keys may be theirs
    const auto keys = Model::due_keys(topic, subscription, now());
    return keys.empty() ? std::string()
                        : fmt::format("{} {}: nothing of key '{}' came", topic_name, name, keys.front());
  }
  for (const std::uint64_t entry : subscription.open) {
    if (Model::due(topic, subscription, entry, now()))
      return fmt::format("{} {}: {} is due and did not come", topic_name, name, entry);
  }
  return {};
}

std::string World::overdue() const {
  for (const auto& [topic_name, topic] : model.topics) {
    for (const auto& [name, subscription] : topic.subscriptions) {
      if (auto late = overdue(topic_name, name); !late.empty()) return late;
    }
  }
  for (const auto& [number, reader] : readers) {
    const Topic& topic = model.topics.at(reader.topic);
    if (std::max(reader.next, topic.first) < topic.end)
      return fmt::format("{}: a reader stays at {}", reader.topic, reader.next);
  }
  return {};
}

void World::settle() {
  for (auto& [name, topic] : model.topics) {
    Model::note_trimmable(topic, now());
    const std::uint64_t oldest = topic.messages.empty() ? topic.end : topic.messages.begin()->first;
    if (topic.messages.size() != topic.end - oldest) breach("{}: the ids have a gap", name);
    for (auto& [ignored, subscription] : topic.subscriptions)
      subscription.held_ever |= subscription.hold_delayed;
  }
  std::string late;
  mail_->read_until([&] { return (late = overdue()).empty(); }, [&] { return late; });
  if (topics.empty()) return;
  check_statistics(random.pick(topics).first);
  // That answer came from the core behind all that it was asked before.
  for (auto& [name, topic] : model.topics) {
    for (auto& [ignored, subscription] : topic.subscriptions) {
      for (auto& [entry, back] : subscription.returned) back.on_its_way = false;
    }
  }
}

void World::check_statistics(const std::string& name) {
  // Compared when the answer stands in line: every event before it is in the model, none behind it.
  broker().stats(topics.at(name), success<TopicStats>("stats", [this, name](const TopicStats& stats) {
                   compare_statistics(name, stats);
                 }));
  wait_for_answers();
}

void World::compare_statistics(const std::string& name, const TopicStats& stats) const {
  const Topic& topic = model.topics.at(name);
  const auto same = [&](const char* what, std::uint64_t got, std::uint64_t expected) {
    if (got != expected) breach("statistics of {}: {} {}, not {}", name, what, got, expected);
  };
  same("stored messages", stats.stored_messages, topic.end - topic.first);
  same("messages in", stats.messages_in, topic.messages_in);
  same("messages out", stats.messages_out, topic.messages_out);
  same("subscriptions", stats.subscriptions.size(), topic.subscriptions.size());
  for (const SubscriptionStats& each : stats.subscriptions) {
    const auto found = topic.subscriptions.find(each.name);
    if (found == topic.subscriptions.end()) breach("{} has a subscription {}", name, each.name);
    same("backlog", each.backlog, found->second.open.size());
    same("unacked", each.unacked, found->second.out.size());
    const auto connected = std::ranges::count_if(consumers, [&](const auto& consumer) {
      return consumer.second.topic == name && consumer.second.subscription == each.name;
    });
    same("consumers", each.consumers, static_cast<std::uint64_t>(connected));
  }
}

// --- the end and a new start
// -----------------------------------------------------------------------------

void World::drop_handles() {
  readers.clear();
  consumers.clear();
  topics.clear();
}

void World::crash() {
  wait_for_answers();
  drop_handles();
  const auto loss = draw_loss(random);
  machine.crash(loss, random.seed());
  machine.crash_while_starting(random.chance(30) ? random.between(1, 5) : 0, random);
  compare_and_start();
}

void World::stop_and_start() {
  wait_for_answers();
  if (machine.power_cut_planned()) return crash();
  drop_handles();
  if (const auto stopped = machine.stop(); !stopped) breach("it does not close: {}", stopped.error().message);
  compare_and_start();
}

void World::compare_and_start() {
  // Whatever was still on its way to a client died with the broker.
  mail_ = std::make_shared<Mail>();
  model.restarted();
  machine.with_copy([this](broker::Broker& copy) { compare(copy, model); });
  if (const auto started = machine.start(); !started)
    breach("it does not start after a crash: {}", started.error().message);
  for (const auto& [name, topic] : model.topics) {
    broker().open_topic(name, false,
                        success<broker::TopicPtr>("open_topic", [this, name = name](auto opened) {
                          topics[name] = std::move(opened);
                        }));
  }
  wait_for_answers();
}

}  // namespace geminga::sim
