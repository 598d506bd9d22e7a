#include "publisher.hpp"

#include <chrono>
#include <random>

#include "wire/pulsar/batch.hpp"
#include "wire/pulsar/entry.hpp"

namespace geminga::bench::load {

namespace {

std::uint64_t wall_milliseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace

std::string payload_of(const Settings& settings) {
  std::string body(settings.body_bytes, '\0');
  std::minstd_rand random;
  for (char& each : body) each = static_cast<char>(random());
  if (settings.batch <= 1) return body;
  wire::BatchWriter batch;
  for (std::uint32_t i = 0; i < settings.batch; ++i) batch.add({}, body);
  return std::string(batch.payload());
}

Publisher::Publisher(Poller& poller, const Settings& settings, std::string_view payload, Receipts& receipts)
    : batch_(std::max(settings.batch, 1U)),
      in_flight_max_(std::max(settings.in_flight, batch_)),
      payload_(payload),
      receipts_(receipts),
      link_(poller, settings.url) {
  look_up(link_, settings.topic);
  link_.ask<wire::CommandProducerSuccess>(
      wire::CommandProducer{.topic = settings.topic, .producer_id = 0, .request_id = 3},
      [&](const auto& answer) { name_ = answer.producer_name; });
  link_.set_on_frame([this](const wire::Frame& frame) { on_frame(frame); });
}

void Publisher::send(Clock::time_point due) {
  wire::CommandSend command{.producer_id = 0, .sequence_id = next_};
  wire::MessageMetadata metadata{
      .producer_name = name_, .sequence_id = next_, .publish_time = wall_milliseconds()};
  if (batch_ > 1) {
    command.num_messages = static_cast<std::int32_t>(batch_);
    command.highest_sequence_id = next_ + batch_ - 1;
    metadata.num_messages_in_batch = static_cast<std::int32_t>(batch_);
    metadata.highest_sequence_id = next_ + batch_ - 1;
  }
  link_.send(command, metadata, payload_);
  next_ += batch_;
  receipts_.sent += batch_;
  due_.push_back(due);
}

void Publisher::on_frame(const wire::Frame& frame) {
  if (frame.type != wire::CommandType::send_receipt) return;
  const auto receipt = whole(wire::decode<wire::CommandSendReceipt>(frame.command));
  if (due_.empty() || receipt.sequence_id != acknowledged_)
    give_up(fmt::format("a receipt of {} in place of {}", receipt.sequence_id, acknowledged_));
  const auto now = Clock::now();
  if (due_.front() >= receipts_.measured)
    receipts_.us.push_back(std::chrono::duration<double, std::micro>(now - due_.front()).count());
  due_.pop_front();
  acknowledged_ += batch_;
  receipts_.durable += batch_;
}

}  // namespace geminga::bench::load
