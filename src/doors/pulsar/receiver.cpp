#include "doors/pulsar/receiver.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "doors/pulsar/entries.hpp"
#include "doors/pulsar/positions.hpp"

namespace geminga::doors::pulsar {

namespace {

constexpr std::uint64_t kFromBroker = UINT64_MAX;  ///< in place of a request's id
constexpr std::uint64_t kWordBytes = 11;           ///< of an ack_set, at most
constexpr std::uint64_t kPartsOfWindow = 2;

/// Takes what the broker calls, on its threads, to the receiver, on the door's loop.
class Delivery final : public broker::DeliverySink {
 public:
  Delivery(std::weak_ptr<Session> session, std::weak_ptr<Receiver> receiver,
           std::shared_ptr<base::EventLoop> loop)
      : session_(std::move(session)), receiver_(std::move(receiver)), loop_(std::move(loop)) {}

  void on_entries(std::vector<broker::Delivered> entries) override {
    post([entries = std::move(entries)](Receiver& to) mutable { to.deliver(std::move(entries)); });
  }
  void on_seek() override {
    post([](Receiver& to) { to.close_by_broker(); });
  }
  void on_active_change(bool active) override {
    post([active](Receiver& to) { to.tell_active(active); });
  }
  void on_end_of_topic() override {
    post([](Receiver& to) { to.tell_end_of_topic(); });
  }
  void on_closed(Error) override {
    post([](Receiver& to) { to.close_by_broker(); });
  }

 private:
  template <class Work>
  void post(Work work) {
    loop_->post([session = session_, receiver = receiver_, work = std::move(work)]() mutable {
      const auto whose = session.lock();
      const auto to = receiver.lock();
      if (whose && to && !whose->ended()) work(*to);
    });
  }

  const std::weak_ptr<Session> session_;
  const std::weak_ptr<Receiver> receiver_;
  const std::shared_ptr<base::EventLoop> loop_;
};

/// What the wire says of a batch: a bit a message, set = not acknowledged.
broker::AckBits bits_of(const wire::Repeated<std::int64_t>& words) {
  broker::AckBits bits;
  bits.reserve(words.size());
  for (const std::int64_t word : words) bits.push_back(static_cast<std::uint64_t>(word));
  return bits;
}

}  // namespace

std::shared_ptr<broker::DeliverySink> Receiver::sink() {
  return std::make_shared<Delivery>(session_.weak_from_this(), weak_from_this(), session_.host().loop);
}

void Receiver::open(broker::ConsumerPtr consumer) {
  source_ = std::move(consumer);
  if (active_) tell_active(*std::exchange(active_, std::nullopt));
}

void Receiver::open(broker::ReaderPtr reader) {
  source_ = std::move(reader);
}

const broker::ConsumerPtr& Receiver::consumer() const {
  static const broker::ConsumerPtr kNone;
  const auto* consumer = std::get_if<broker::ConsumerPtr>(&source_);
  return consumer == nullptr ? kNone : *consumer;
}

const broker::ReaderPtr& Receiver::reader() const {
  static const broker::ReaderPtr kNone;
  const auto* reader = std::get_if<broker::ReaderPtr>(&source_);
  return reader == nullptr ? kNone : *reader;
}

void Receiver::flow(broker::Permits more) {
  if (const auto* consumer = std::get_if<broker::ConsumerPtr>(&source_)) return (*consumer)->flow(more);
  if (const auto* reader = std::get_if<broker::ReaderPtr>(&source_)) (*reader)->flow(more);
}

// --- acknowledging ----------------------------------------------------------------------------------------

void Receiver::acknowledge(const wire::CommandAck& ack, broker::Done<void> done) {
  const broker::ConsumerPtr& consumer = this->consumer();
  if (!consumer) return done({});
  broker::IdAcknowledgement what{.cumulative = ack.ack_type == wire::AckType::cumulative};
  for (const wire::MessageIdData& id : ack.message_id) {
    auto& one = what.ids.emplace_back(broker::IdAcknowledgement::One{.id = id_of(id)});
    if (!id.ack_set.empty()) one.left = bits_of(id.ack_set);
  }
  consumer->acknowledge_ids(std::move(what), std::move(done));
}

void Receiver::unsubscribe(broker::Done<void> done) {
  if (!consumer()) return close(std::move(done));
  leaving_ = true;
  consumer()->unsubscribe(session_.back<void>(
      [self = shared_from_this(), done = std::move(done)](Session&, Result<> gone) mutable {
        self->leaving_ = gone.has_value();
        done(std::move(gone));
      }));
}

void Receiver::close(broker::Done<void> done) {
  if (const auto* consumer = std::get_if<broker::ConsumerPtr>(&source_))
    return (*consumer)->close(std::move(done));
  if (const auto* reader = std::get_if<broker::ReaderPtr>(&source_)) return (*reader)->close(std::move(done));
  done({});
}

void Receiver::drop() {
  source_ = std::monostate{};
  place_.handle.reset();
}

// --- what the broker calls --------------------------------------------------------------------------------

void Receiver::deliver(std::vector<broker::Delivered> entries) {
  for (const broker::Delivered& each : entries) {
    unsent_bytes_ += broker::permit_bytes(each.entry);
    send(each);
  }
}

/// Each time the broker hears of it costs a wake-up and a read, so it hears of much at once.
void Receiver::on_sent(std::uint64_t credit) {
  unsent_bytes_ -= std::min(unsent_bytes_, credit);
  sent_bytes_ += credit;
  if (unsent_bytes_ > 0 && sent_bytes_ < session_.host().options.window_bytes / kPartsOfWindow) return;
  flow({.messages = 0, .bytes = std::exchange(sent_bytes_, 0)});
}

void Receiver::send(const broker::Delivered& delivered) {
  const storage::Entry& entry = delivered.entry;
  head_.clear();
  if (session_.client().reads_broker_metadata)
    wire::append_broker_entry(head_, broker_metadata(entry.header));
  const auto payload = append_stored(head_, entry);
  if (!payload) return cannot_send(entry, payload.error().message);
  wire::CommandMessage message{
      .consumer_id = id_,
      .message_id = {.ledger_id = entry.header.ledger.value, .entry_id = entry.header.entry.value}};
  if (place_.partition >= 0) message.message_id.partition = place_.partition;
  if (delivered.redelivery_count > 0) message.redelivery_count = delivered.redelivery_count;
  const std::uint64_t bytes = head_.size() + payload->size() + kMessageCommandBytes;
  if (bytes > session_.host().frame_bytes_max())
    return cannot_send(entry, fmt::format("{} bytes are more than a client takes", bytes));
  std::vector<std::int64_t> left;
  // It may have no room for that: then all of the batch comes again, of which the client knows what it had.
  if (!delivered.acknowledged.empty() &&
      bytes + delivered.acknowledged.size() * kWordBytes <= session_.host().frame_bytes_max()) {
    for (const std::uint64_t word : broker::all_but(delivered.acknowledged, entry.header.message_count))
      left.push_back(static_cast<std::int64_t>(word));
    message.ack_set = left;
  }
  session_.out().message(message, head_,
                         {.bytes = *payload,
                          .owner = entry.owner,
                          .to = shared_from_this(),
                          .credit = broker::permit_bytes(entry)});
}

/// To pass it over would lose it; it stays unsettled, and the log says why nothing comes.
void Receiver::cannot_send(const storage::Entry& entry, const std::string& why) {
  log::error("pulsar", "{} of {} cannot be sent to {}: {}", entry.header.entry.value, place_.topic,
             session_.peer(), why);
  on_sent(broker::permit_bytes(entry));
}

void Receiver::tell_active(bool active) {
  if (!wire::may_tell_active_consumer(session_.client().version)) return;
  if (!opened()) {
    active_ = active;
    return;
  }
  session_.reply(wire::CommandActiveConsumerChange{.consumer_id = id_, .is_active = active});
}

void Receiver::tell_end_of_topic() {
  if (wire::may_tell_end_of_topic(session_.client().version))
    session_.reply(wire::CommandReachedEndOfTopic{.consumer_id = id_});
}

void Receiver::close_by_broker() {
  if (leaving_) return;
  const auto self = shared_from_this();
  session_.remove(*this);
  session_.reply(wire::CommandCloseConsumer{.consumer_id = id_, .request_id = kFromBroker});
  drop();
}

}  // namespace geminga::doors::pulsar
