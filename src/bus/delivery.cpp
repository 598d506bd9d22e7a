#include <utility>

#include <geminga/consumer.hpp>

#include "base/await.hpp"
#include "bus/consumer_impl.hpp"

namespace geminga {

namespace {

constexpr std::chrono::milliseconds kAckTimeout{30'000};

Error settled_before() {
  return {ErrorCode::conflict, "the message was settled before, or its acknowledgement time-out passed"};
}

Error consumer_gone() {
  return {ErrorCode::closed, "the consumer of this message was closed; the message comes again"};
}

}  // namespace

void Delivery::Impl::ack(bus::Done<void> done) {
  const auto consumer = consumer_.lock();
  if (!consumer) return done(std::unexpected(consumer_gone()));
  if (!settle()) return done(std::unexpected(settled_before()));
  consumer->acknowledge(shared_from_this(), std::move(done));
}

void Delivery::Impl::ack_cumulative(bus::Done<void> done) {
  const auto consumer = consumer_.lock();
  if (!consumer) return done(std::unexpected(consumer_gone()));
  if (auto possible = consumer->check_cumulative(); !possible) return done(std::move(possible));
  if (!settle()) return done(std::unexpected(settled_before()));
  consumer->acknowledge_up_to(shared_from_this(), std::move(done));
}

void Delivery::Impl::nack(std::optional<std::chrono::milliseconds> delay, std::string reason) {
  const auto consumer = consumer_.lock();
  if (!consumer || !settle()) return;
  consumer->fail_delivery(shared_from_this(), delay, reason);
}

void Delivery::Impl::forward(Bus::Impl& bus, std::vector<TopicMessage> messages,
                             bus::Done<std::vector<MessageId>> done) {
  const auto consumer = consumer_.lock();
  if (!consumer) return done(std::unexpected(consumer_gone()));
  if (&consumer->bus() != &bus)
    return done(fail(ErrorCode::invalid_argument, "the delivery came from another bus"));
  if (auto checked = bus.check(messages); !checked) return done(std::unexpected(checked.error()));
  if (!settle()) return done(std::unexpected(settled_before()));
  consumer->forward(shared_from_this(), std::move(messages), std::move(done));
}

Delivery::Delivery(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

const Message& Delivery::message() const {
  return impl_->message();
}

Result<> Delivery::ack() {
  return base::await<void>([&](auto done) { impl_->ack(std::move(done)); }, kAckTimeout, "acknowledgement");
}

Result<> Delivery::ack_cumulative() {
  return base::await<void>([&](auto done) { impl_->ack_cumulative(std::move(done)); }, kAckTimeout,
                           "cumulative acknowledgement");
}

void Delivery::ack_async(std::move_only_function<void(Result<>)> callback) {
  const auto consumer = impl_->consumer().lock();
  if (!consumer) return callback(std::unexpected(consumer_gone()));
  impl_->ack(
      [callbacks = consumer->bus().callbacks(), callback = std::move(callback)](Result<> result) mutable {
        callbacks->post([callback = std::move(callback), result = std::move(result)]() mutable {
          bus::call_back(callback, std::move(result));
        });
      });
}

void Delivery::nack(std::optional<std::chrono::milliseconds> delay) {
  impl_->nack(delay, "negatively acknowledged by the application");
}

void Delivery::defer() {
  impl_->defer();
}

bool Delivery::settled() const {
  return impl_->settled();
}

}  // namespace geminga
