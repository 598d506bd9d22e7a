#include <utility>

#include <geminga/reader.hpp>

#include "base/later.hpp"
#include "base/log.hpp"
#include "base/try.hpp"
#include "bus/message_check.hpp"
#include "bus/reader_impl.hpp"

namespace geminga {

namespace {

void close_quietly(const std::shared_ptr<Reader::Impl>& impl) {
  if (!impl) return;
  if (auto closed = impl->close(); !closed) log::warn("bus", "closing a reader: {}", closed.error().message);
}

}  // namespace

Result<std::shared_ptr<Reader::Impl>> Reader::Impl::create(const std::shared_ptr<Bus::Impl>& bus,
                                                           ReaderOptions options) {
  GEMINGA_TRY(auto topic, bus->full_topic_name(options.topic));
  if (options.receiver_queue_size == 0)
    return fail(ErrorCode::invalid_argument, "receiver_queue_size must not be 0");
  GEMINGA_TRY_VOID(bus::require(bus->engine().capabilities(), Feature::reader));
  if (options.start != decltype(options.start)(InitialPosition::latest))
    GEMINGA_TRY_VOID(bus::require(bus->engine().capabilities(), Feature::replay_from_earliest));
  if (options.read_compacted) GEMINGA_TRY_VOID(bus::require_compaction(bus->engine().capabilities(), topic));
  const bus::ReceiverQueue queue{.messages = options.receiver_queue_size};
  auto impl = std::make_shared<Impl>(bus, queue);
  GEMINGA_TRY(impl->engine_, bus->engine().create_reader({.topic = std::move(topic),
                                                          .start = options.start,
                                                          .inclusive = options.inclusive,
                                                          .read_compacted = options.read_compacted,
                                                          .queue = queue},
                                                         impl->inbox_));
  if (auto added = bus->add_child(impl); !added) {
    GEMINGA_TRY_VOID(impl->engine_->close());
    return std::unexpected(added.error());
  }
  return impl;
}

Result<Message> Reader::Impl::read(std::chrono::milliseconds timeout) {
  const auto deadline = base::later(bus_->clock().monotonic_now(), timeout);
  while (true) {
    GEMINGA_TRY(auto taken, inbox_->take(deadline));
    if (taken.room.messages > 0) engine_->taken(taken.room.messages, taken.room.bytes);
    if (!taken.message) continue;
    const std::lock_guard lock(mutex_);
    last_taken_ = taken.message->message.id;
    return std::move(taken.message->message);
  }
}

Result<bool> Reader::Impl::has_next() {
  if (!inbox_->empty()) return true;
  const std::lock_guard lock(mutex_);
  GEMINGA_TRY(const bool more, engine_->has_more(last_taken_));
  return more || !inbox_->empty();  // what came meanwhile
}

Result<> Reader::Impl::close() {
  inbox_->close();
  return engine_->close();
}

Reader::Reader(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reader::Reader(Reader&&) noexcept = default;

Reader& Reader::operator=(Reader&& other) noexcept {
  if (this == &other) return *this;
  close_quietly(impl_);
  impl_ = std::move(other.impl_);
  return *this;
}

Reader::~Reader() {
  close_quietly(impl_);
}

Result<Message> Reader::read(std::chrono::milliseconds timeout) {
  return impl_->read(timeout);
}

Result<bool> Reader::has_next() {
  return impl_->has_next();
}

Result<> Reader::close() {
  return impl_ ? impl_->close() : Result<>{};
}

}  // namespace geminga
