#include <algorithm>
#include <latch>
#include <utility>

#include <fmt/format.h>

#include <geminga/producer.hpp>

#include "base/await.hpp"
#include "base/try.hpp"
#include "bus/message_check.hpp"
#include "bus/producer_impl.hpp"

namespace geminga {

namespace {

/// Over the send time-out, which answers first; the wait itself must end whatever happens.
constexpr std::chrono::milliseconds kGrace{5'000};
constexpr std::chrono::milliseconds kLongest = std::chrono::years{100};  // twice of it can still be counted

Result<> check_options(const ProducerOptions& options) {
  if (options.send_timeout.count() <= 0)
    return fail(ErrorCode::invalid_argument, "send_timeout must be positive");
  if (options.access_timeout.count() <= 0)
    return fail(ErrorCode::invalid_argument, "access_timeout must be positive");
  if (options.max_pending_messages == 0 || options.max_pending_bytes == 0)
    return fail(ErrorCode::invalid_argument, "max_pending_messages and max_pending_bytes must not be 0");
  if (options.batch_messages_max == 0 || options.batch_bytes_max == 0 || options.batch_delay_max.count() < 0)
    return fail(ErrorCode::invalid_argument,
                "batch_messages_max, batch_bytes_max and batch_delay_max must be positive");
  return {};
}

}  // namespace

Producer::Impl::Impl(std::shared_ptr<Bus::Impl> bus, ProducerOptions options)
    : bus_(std::move(bus)),
      options_(std::move(options)),
      pending_(std::make_shared<bus::PendingSends>(
          bus::PendingSends::Limits{.messages_max = options_.max_pending_messages,
                                    .bytes_max = options_.max_pending_bytes,
                                    .block_if_full = options_.block_if_full,
                                    .send_timeout = options_.send_timeout},
          bus_->clock(),
          [callbacks = bus_->callbacks()](base::Task task) { callbacks->post(std::move(task)); })) {}

Producer::Impl::~Impl() {
  pending_->abandon();
}

Result<std::shared_ptr<Producer::Impl>> Producer::Impl::create(const std::shared_ptr<Bus::Impl>& bus,
                                                               ProducerOptions options) {
  GEMINGA_TRY(options.topic, bus->full_topic_name(options.topic));
  GEMINGA_TRY_VOID(check_options(options));
  if (options.access != ProducerAccess::shared)
    GEMINGA_TRY_VOID(bus::require(bus->engine().capabilities(), Feature::exclusive_producer));
  auto impl = std::make_shared<Impl>(bus, std::move(options));
  GEMINGA_TRY(impl->engine_, bus->engine().create_producer(impl->options_, impl->pending_));
  impl->name_ = impl->engine_->name();
  // Last: from here on the bus may close it, on another thread.
  if (auto added = bus->add_child(impl); !added) {
    GEMINGA_TRY_VOID(impl->engine_->close());
    return std::unexpected(added.error());
  }
  return impl;
}

void Producer::Impl::arm_timeout(const std::shared_ptr<bus::Callbacks>& callbacks,
                                 const std::weak_ptr<bus::PendingSends>& pending, base::MonotonicTime when) {
  callbacks->at(when, [weak_callbacks = std::weak_ptr(callbacks), pending] {
    const auto sends = pending.lock();
    const auto loop = weak_callbacks.lock();
    if (!sends || !loop) return;
    if (const auto next = sends->expire()) arm_timeout(loop, pending, *next);
  });
}

void Producer::Impl::send(OutgoingMessage message, bus::Done<MessageId> done,
                          bus::PendingSends::Where where) {
  const auto refuse = [&](const Error& error) {
    Result<MessageId> refused = std::unexpected(error.with("send to " + options_.topic));
    if (where == bus::PendingSends::Where::here) return done(std::move(refused));
    bus_->callbacks()->post([done = std::move(done), refused = std::move(refused)]() mutable {
      bus::call_back(done, std::move(refused));
    });
  };
  if (auto checked =
          bus::check_message(message, bus_->options(), bus_->engine().capabilities(), bus_->clock());
      !checked)
    return refuse(checked.error());
  const std::uint64_t bytes = message.body.size() + message.key.size();
  const auto sequence = message.sequence_id;
  const auto deadline = pending_->deadline();
  while (true) {
    auto sent = try_send(message, deadline, done, where);
    if (sent && *sent) return;
    Result<> room = sent ? pending_->wait_for_room(bytes, deadline) : std::unexpected(sent.error());
    if (room) continue;
    note_refused(sequence, room.error());
    return refuse(room.error());
  }
}

void Producer::Impl::note_refused(std::optional<std::uint64_t> sequence, const Error& error) {
  if (!sequence) return;
  const std::lock_guard order(order_);
  numbered_.refused({*sequence, *sequence}, error);
}

Result<bool> Producer::Impl::try_send(OutgoingMessage& message, base::MonotonicTime deadline,
                                      bus::Done<MessageId>& done, bus::PendingSends::Where where) {
  const std::uint64_t bytes = message.body.size() + message.key.size();
  const std::lock_guard order(order_);
  const auto sequence = message.sequence_id;
  if (sequence) GEMINGA_TRY_VOID(numbered_.admit({*sequence, *sequence}));
  GEMINGA_TRY(const auto begun, pending_->begin(bytes, deadline, done, where));
  if (!begun) return false;
  if (sequence) numbered_.accepted({*sequence, *sequence});
  if (begun->arm) arm_timeout(bus_->callbacks(), pending_, deadline);
  engine_->send(begun->tag, std::move(message));
  return true;
}

void Producer::Impl::flush() {
  engine_->flush();
  pending_->wait_for_answers();
}

Result<> Producer::Impl::close() {
  pending_->close();
  flush();
  return engine_->close();
}

Producer::Producer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Producer::Producer(Producer&&) noexcept = default;
Producer& Producer::operator=(Producer&&) noexcept = default;
Producer::~Producer() = default;

Result<MessageId> Producer::send(OutgoingMessage message) {
  return base::await<MessageId>(
      [&](auto done) { impl_->send(std::move(message), std::move(done), bus::PendingSends::Where::here); },
      2 * std::min(impl_->options().send_timeout, kLongest) + kGrace, "send");
}

void Producer::send_async(OutgoingMessage message, SendCallback callback) {
  impl_->send(std::move(message), std::move(callback), bus::PendingSends::Where::posted);
}

Result<std::vector<MessageId>> Producer::send_batch(std::vector<OutgoingMessage> messages) {
  struct Batch {
    explicit Batch(std::size_t size) : left(static_cast<std::ptrdiff_t>(size)), ids(size), errors(size) {}
    std::latch left;
    std::vector<MessageId> ids;                ///< each written by one answer only
    std::vector<std::optional<Error>> errors;  ///< the same
  };
  auto batch = std::make_shared<Batch>(messages.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    impl_->send(
        std::move(messages[i]),
        [batch, i](Result<MessageId> result) {
          if (result)
            batch->ids[i] = *result;
          else
            batch->errors[i] = std::move(result.error());
          batch->left.count_down();
        },
        bus::PendingSends::Where::here);
  }
  impl_->flush();
  batch->left.wait();
  for (std::size_t i = 0; i < batch->errors.size(); ++i)
    if (batch->errors[i])
      return std::unexpected(batch->errors[i]->with(fmt::format("message {} of the batch", i)));
  return std::move(batch->ids);
}

Result<> Producer::flush() {
  impl_->flush();
  return {};
}

Result<> Producer::close() {
  return impl_ ? impl_->close() : Result<>{};
}

std::optional<std::uint64_t> Producer::last_sequence_id() const {
  return impl_->last_sequence_id();
}

const std::string& Producer::topic() const {
  return impl_->options().topic;
}

const std::string& Producer::name() const {
  return impl_->name();
}

}  // namespace geminga
