#include "world.hpp"

#include <algorithm>
#include <tuple>

#include "broker/producers.hpp"
#include "broker/raw_message.hpp"
#include "comparison.hpp"

namespace geminga::sim {
namespace {

/// Hands what comes to the run's thread.
class Sink final : public broker::DeliverySink {
 public:
  struct Takes {
    std::function<void(const std::vector<broker::Delivered>&, Now)> entries;
    std::function<void()> seek = [] {};
    std::function<void(bool)> active = [](bool) {};
  };
  Sink(const Machine& machine, std::shared_ptr<Mail> mail, Takes take)
      : machine_(machine), mail_(std::move(mail)), take_(std::move(take)) {}
  void on_entries(std::vector<broker::Delivered> entries) override {
    mail_->said(
        [take = take_.entries, now = machine_.now(), entries = std::move(entries)] { take(entries, now); });
  }
  void on_seek() override { mail_->said(take_.seek); }
  void on_active_change(bool active) override {
    mail_->said([take = take_.active, active] { take(active); });
  }
  void on_closed(Error) override {
    mail_->said([] {});  // what is waited for may come no more: look again
  }

 private:
  const Machine& machine_;
  const std::shared_ptr<Mail> mail_;
  const Takes take_;
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

// --- messages
// --------------------------------------------------------------------------------------------

std::uint64_t World::ask(Record record) {
  for (Record::Publication& publication : record.publications)
    publication.message.publish_time = machine.clock().wall_now();
  const std::uint64_t number = next_number();
  model.asked.emplace(number, std::move(record));
  return number;
}

storage::Append World::append(const Message& message) const {
  storage::Append append = broker::encode_raw(
      {.body = message.body(), .key = message.key, .deliver_at = message.deliver_at}, "", now().wall);
  append.message_count = message.count;
  if (message.count > 1) append.flags |= storage::EntryFlags::kBatch;
  if (message.numbered) {
    append.flags |= storage::EntryFlags::kDeduplicate;
    append.sequence = message.numbered->sequence;
  }
  return append;
}

std::vector<broker::Publication> World::publications(const Record& record) const {
  std::vector<broker::Publication> all;
  for (const Record::Publication& each : record.publications)
    all.push_back({.topic = topics.at(each.topic), .append = append(each.message)});
  return all;
}

Message World::draw_message() {
  Message message{.number = next_number()};
  message.bytes = static_cast<std::uint32_t>(random.chance(10) ? random.below(8'000) : random.below(400));
  if (random.chance(20)) {
    message.count =
        static_cast<std::uint32_t>(random.chance(10) ? random.between(60, 70) : random.between(2, 6));
    message.bytes += message.count;  // a count that the size belies is refused
  }
  if (random.chance(70)) message.key = fmt::format("k{}", random.below(5));
  if (random.chance(20))
    message.deliver_at = now().wall + std::chrono::milliseconds(random.between(1, 30'000));
  return message;
}

void check_content(const std::string& topic, const storage::Entry& entry, const Message& expected) {
  const storage::EntryHeader& header = entry.header;
  const std::uint64_t id = header.entry.value;
  const auto message = broker::decode_raw(entry);
  if (!message) breach("{} {} cannot be read: {}", topic, id, message.error().message);
  if (message->body != expected.body() || message->key != expected.key)
    breach("{} {} is another message: '{}' key '{}', not '{}' key '{}'", topic, id,
           message->body.substr(0, 20), message->key, expected.body().substr(0, 20), expected.key);
  const auto same = [&](const char* what, auto got, auto wanted) {
    if (got != wanted) breach("{} {} has another {}: {}, not {}", topic, id, what, got, wanted);
  };
  const auto time = [](Timestamp at) { return at.time_since_epoch().count(); };
  const bool delayed = expected.deliver_at.has_value();
  if (header.deliver_at.has_value() != delayed) breach("{} {} has lost or got a deliver-at", topic, id);
  if (delayed) same("deliver-at", time(*header.deliver_at), time(*expected.deliver_at));
  same("publish time", time(header.publish_time), time(expected.publish_time));
  same("message count", header.message_count, expected.count);
  if (expected.index) same("message index", header.message_index, *expected.index);
  if (!expected.numbered) return;
  same("sequence id", header.sequence, expected.numbered->sequence);
  same("producer", header.producer, broker::producer_hash(expected.numbered->producer));
}

// --- clients
// ---------------------------------------------------------------------------------------------

std::shared_ptr<broker::DeliverySink> World::consumer_sink(ConsumerNumber number) {
  return std::make_shared<Sink>(
      machine, mail_,
      Sink::Takes{
          .entries = [this, number](const auto& entries, Now then) { on_delivered(number, entries, then); },
          .seek = [this, number] { on_seek(number); },
          .active = [this, number](bool active) { on_active(number, active); }});
}

std::shared_ptr<broker::DeliverySink> World::reader_sink(std::uint64_t number) {
  return std::make_shared<Sink>(
      machine, mail_,
      Sink::Takes{.entries = [this, number](const auto& entries, Now) { on_read(number, entries); }});
}

std::vector<ConsumerNumber> World::consumers_of(const std::string& topic,
                                                const std::string& subscription) const {
  std::vector<ConsumerNumber> all;
  for (const auto& [number, consumer] : consumers) {
    if (consumer.topic == topic && consumer.subscription == subscription) all.push_back(number);
  }
  return all;
}

ConsumerNumber World::active(const std::string& topic, const std::string& subscription) const {
  ConsumerNumber best = 0;
  for (const ConsumerNumber number : consumers_of(topic, subscription)) {
    const LiveConsumer& one = consumers.at(number);
    if (!one.gone && (best == 0 || one.priority < consumers.at(best).priority)) best = number;
  }
  return best;
}

void World::on_delivered(ConsumerNumber number, const std::vector<broker::Delivered>& entries, Now then) {
  const auto found = consumers.find(number);
  if (found == consumers.end()) breach("messages for a consumer that has closed");
  LiveConsumer& consumer = found->second;
  Subscription& subscription = model.subscription(consumer.topic, consumer.subscription);
  // What was out with one that closes may come to another before the answer to the close does.
  for (const ConsumerNumber other : consumers_of(consumer.topic, consumer.subscription)) {
    if (other == number || !consumers.at(other).closing) continue;
    consumers.at(other).gone = true;
    model.return_all(subscription, other, true, then);
  }
  if (consumer.sought) {
    // A seek that failed with the power: until the crash all goes on from where it was.
    if (machine.power_is_gone()) return;
    breach("{}: messages came while it moves", consumer.subscription);
  }
  if (subscription.one_active() && number != active(consumer.topic, consumer.subscription))
    breach("{}: messages for {}, {} is the active one", consumer.subscription, number,
           active(consumer.topic, consumer.subscription));
  if (subscription.type == SubscriptionType::failover && consumer.told_active != true)
    breach("{}: messages for {}, which was not told that it is active", consumer.subscription, number);
  for (const broker::Delivered& delivered : entries) {
    const std::uint64_t entry = delivered.entry.header.entry.value;
    if (consumer.permits <= 0) breach("{}: {} came without a permit", consumer.subscription, entry);
    if (consumer.stopped) breach("{}: {} came after the stop", consumer.subscription, entry);
    const auto& messages = model.topic(consumer.topic).messages;
    const auto expected = messages.find(entry);
    if (expected == messages.end())
      breach("{} {} was delivered and is not stored for certain", consumer.topic, entry);
    check_content(consumer.topic, delivered.entry, expected->second);
    const std::uint32_t came = model.arrived(consumer.topic, consumer.subscription,
                                             {.consumer = number,
                                              .entry = entry,
                                              .redeliveries = delivered.redelivery_count,
                                              .acknowledged = to_places(delivered.acknowledged)},
                                             then);
    consumer.permits -= came;
    consumer.messages_out += came;
    if (delivered.redelivery_count > 0) consumer.redelivered += came;
  }
}

void World::on_active(ConsumerNumber number, bool is_active) {
  const auto found = consumers.find(number);
  if (found == consumers.end()) breach("a consumer that has closed was told whether it is active");
  LiveConsumer& consumer = found->second;
  if (consumer.told_active == is_active) breach("consumer {} was told twice the same", number);
  consumer.told_active = is_active;
  if (!is_active) return;
  for (const ConsumerNumber other : consumers_of(consumer.topic, consumer.subscription)) {
    if (other != number && !consumers.at(other).closing && consumers.at(other).told_active == true)
      breach("{}: {} and {} are told to be active", consumer.subscription, other, number);
  }
}

void World::on_seek(ConsumerNumber number) {
  const auto found = consumers.find(number);
  if (found == consumers.end()) breach("a consumer that has closed was told of a seek");
  if (found->second.sought) breach("consumer {} was told twice of one seek", number);
  found->second.sought = true;
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
    topic.messages_out += expected->second.count;
  }
}

std::vector<std::uint64_t> World::connected_producers(const std::string& topic) const {
  std::vector<std::uint64_t> all;
  for (const auto& [number, producer] : producers) {
    if (producer.topic == topic && producer.state == LiveProducer::State::connected) all.push_back(number);
  }
  return all;
}

void World::forget_consumers_of(const std::string& topic, const std::string& subscription) {
  for (const ConsumerNumber number : consumers_of(topic, subscription)) consumers.erase(number);
}

void World::forget_topic(const std::string& topic) {
  const auto hangs_on_it = [&](const auto& each) { return each.second.topic == topic; };
  std::erase_if(consumers, hangs_on_it);
  std::erase_if(readers, hangs_on_it);
  std::erase_if(producers, hangs_on_it);
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

// --- the end and a new start
// -----------------------------------------------------------------------------

void World::drop_handles() {
  readers.clear();
  consumers.clear();
  // First of all: the topic that becomes free is not for them.
  for (auto& [number, producer] : producers) producer.wanted.reset();
  producers.clear();
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
  machine.with_copy([this](broker::Broker& copy) { sim::compare(copy, model); });
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
