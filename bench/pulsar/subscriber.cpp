#include "subscriber.hpp"

#include "wire/pulsar/entry.hpp"

namespace geminga::bench::load {

namespace {

constexpr std::size_t kGroupOfAcksMax = 1'000;  // as official clients do
constexpr std::uint64_t kLastRequest = 9;

}  // namespace

Subscriber::Subscriber(Poller& poller, const Settings& settings, wire::SubscriptionType type)
    : poller_(poller), queue_(settings.queue), link_(poller, settings.url) {
  look_up(link_, settings.topic);
  link_.ask<wire::CommandSuccess>(wire::CommandSubscribe{.topic = settings.topic,
                                                         .subscription = settings.subscription,
                                                         .sub_type = type,
                                                         .consumer_id = 0,
                                                         .request_id = 3,
                                                         .initial_position = wire::InitialPosition::earliest},
                                  [](const auto&) {});
}

void Subscriber::start(OnEntry on_entry) {
  on_entry_ = std::move(on_entry);
  link_.set_on_frame([this](const wire::Frame& frame) { on_frame(frame); });
  link_.send(wire::CommandFlow{.consumer_id = 0, .message_permits = queue_});
  link_.flush();
}

void Subscriber::on_frame(const wire::Frame& frame) {
  if (frame.type != wire::CommandType::message) return;
  const auto message = whole(wire::decode<wire::CommandMessage>(frame.command));
  const auto entry = whole(wire::parse_entry(frame.entry));
  const auto metadata = whole(wire::decode<wire::MessageMetadata>(entry.metadata));
  const auto count = static_cast<std::uint32_t>(*metadata.num_messages_in_batch);
  messages_ += count;
  since_flow_ += count;
  if (since_flow_ >= queue_ / 2)
    link_.send(wire::CommandFlow{.consumer_id = 0, .message_permits = std::exchange(since_flow_, 0)});
  unacknowledged_.push_back(
      {.ledger_id = message.message_id.ledger_id, .entry_id = message.message_id.entry_id});
  if (unacknowledged_.size() >= kGroupOfAcksMax) acknowledge();
  if (on_entry_) on_entry_(metadata);
}

void Subscriber::acknowledge() {
  if (unacknowledged_.empty()) return;
  link_.send(wire::CommandAck{.consumer_id = 0, .message_id = unacknowledged_});
  link_.flush();
  unacknowledged_.clear();
}

void Subscriber::finish() {
  if (unacknowledged_.empty()) return;
  link_.ask<wire::CommandAckResponse>(
      wire::CommandAck{.consumer_id = 0, .message_id = unacknowledged_, .request_id = kLastRequest},
      [](const auto& answer) {
        if (answer.error.present()) give_up(fmt::format("the last acknowledgement: {}", *answer.message));
      });
  unacknowledged_.clear();
}

}  // namespace geminga::bench::load
