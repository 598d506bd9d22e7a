#include "bus/consumer_impl.hpp"

#include <algorithm>
#include <exception>
#include <pthread.h>
#include <utility>

#include <fmt/format.h>

#include "base/later.hpp"
#include "base/log.hpp"
#include "base/topic_name.hpp"
#include "base/try.hpp"
#include "bus/consumer_check.hpp"
#include "bus/dead_letter.hpp"
#include "bus/graveyard.hpp"
#include "bus/message_check.hpp"

namespace geminga {

namespace {

constexpr std::chrono::milliseconds kCloseWait{30'000};
/// Orderly: how many messages behind blocked keys are held beside the receiver queue.
constexpr std::size_t kParkedMax = 10'000;

Error taken_back() {
  return {ErrorCode::conflict,
          "the message was taken back, by a seek or because another consumer is active now"};
}

/// `what`, but on the callback thread.
std::function<void()> posted(std::shared_ptr<bus::Callbacks> callbacks, std::function<void()> what) {
  if (!what) return nullptr;
  return [callbacks = std::move(callbacks), what = std::move(what)] { callbacks->post(what); };
}

}  // namespace

Consumer::Impl::Impl(std::shared_ptr<Bus::Impl> bus, ConsumerOptions options, std::string dead_letter_topic,
                     Handler handler)
    : bus_(std::move(bus)),
      options_(std::move(options)),
      dead_letter_topic_(std::move(dead_letter_topic)),
      handler_(std::move(handler)),
      inbox_(std::make_shared<bus::ConsumerInbox>(
          bus::ReceiverQueue{.messages = options_.receiver_queue_size}, options_.orderly, kParkedMax,
          posted(bus_->callbacks(), options_.on_end_of_topic))) {}

Result<std::shared_ptr<Consumer::Impl>> Consumer::Impl::create(const std::shared_ptr<Bus::Impl>& bus,
                                                               ConsumerOptions options, Handler handler) {
  GEMINGA_TRY(options.topic, bus->full_topic_name(options.topic));
  GEMINGA_TRY_VOID(base::check_subscription_name(options.subscription));
  GEMINGA_TRY_VOID(bus::check_consumer(options, handler != nullptr, bus->engine().capabilities()));
  std::string dead_letters;
  if (options.dead_letter) {
    GEMINGA_TRY(dead_letters, bus::dead_letter_topic(*options.dead_letter, options.topic,
                                                     options.subscription, bus->options().default_namespace));
  }
  auto impl = std::make_shared<Impl>(bus, std::move(options), std::move(dead_letters), std::move(handler));
  const ConsumerOptions& o = impl->options_;
  GEMINGA_TRY(impl->engine_, bus->engine().subscribe({.topic = o.topic,
                                                      .subscription = o.subscription,
                                                      .type = o.type,
                                                      .initial_position = o.initial_position,
                                                      .name = o.name,
                                                      .priority = o.priority,
                                                      .hash_ranges = o.hash_ranges,
                                                      .read_compacted = o.read_compacted,
                                                      .queue = {.messages = o.receiver_queue_size}},
                                                     impl->inbox_));
  if (auto added = bus->add_child(impl); !added) {
    GEMINGA_TRY_VOID(impl->engine_->close());
    return std::unexpected(added.error());
  }
  if (impl->handler_) {
    const std::lock_guard lock(impl->mutex_);
    for (std::uint32_t i = 0; i < o.handler_threads && !impl->closing_; ++i) {
      impl->threads_.emplace_back([impl] { impl->run_handlers(); });
      impl->thread_ids_.push_back(impl->threads_.back().get_id());
    }
  }
  return impl;
}

Result<std::shared_ptr<Delivery::Impl>> Consumer::Impl::next(std::optional<base::MonotonicTime> deadline) {
  while (true) {
    GEMINGA_TRY(auto taken, inbox_->take(deadline));
    if (taken.room.messages > 0) engine_->taken(taken.room.messages, taken.room.bytes);
    if (!taken.message) continue;
    if (taken.message->unreadable) {
      pass_over(std::make_shared<Delivery::Impl>(weak_from_this(), std::move(*taken.message),
                                                 std::move(taken.withdrawn)));
      continue;
    }
    const std::uint32_t count = taken.message->message.redelivery_count;
    if (!options_.dead_letter || count <= options_.dead_letter->max_redeliveries)
      return std::make_shared<Delivery::Impl>(weak_from_this(), std::move(*taken.message),
                                              std::move(taken.withdrawn));
    // Its consumer went away or let its time pass each time: no failure came here to be counted.
    dead_letter(std::move(*taken.message), fmt::format("redelivered {} times without being settled", count),
                true);
  }
}

void Consumer::Impl::pass_over(const std::shared_ptr<Delivery::Impl>& unreadable) const {
  const std::string reason = *unreadable->unreadable();
  log::warn("bus", "subscription '{}' of {}: {}", options_.subscription, options_.topic, reason);
  unreadable->nack(std::nullopt, reason);
}

Result<Delivery> Consumer::Impl::receive(std::chrono::milliseconds timeout) {
  if (handler_)
    return fail(ErrorCode::conflict, "this consumer has a handler; receive() is for those without");
  GEMINGA_TRY(auto delivery, next(base::later(bus_->clock().monotonic_now(), timeout)));
  start_ack_timeout(delivery);
  return Delivery(std::move(delivery));
}

void Consumer::Impl::run_handlers() {
  pthread_setname_np(pthread_self(), fmt::format("gm-{:.12}", options_.subscription).c_str());
  while (true) {
    const auto delivery = next(std::nullopt);
    if (!delivery) {
      if (delivery.error().code != ErrorCode::closed)
        log::error("bus", "the handlers of {} end: {}", options_.topic, delivery.error().message);
      break;
    }
    handle(*delivery);
  }
  const auto mine = std::this_thread::get_id();
  bool closes = false;
  {
    const std::lock_guard lock(mutex_);
    closes = closes_at_end_ == mine;
  }
  if (!closes) return;
  if (auto closed = finish_close(); !closed)
    log::warn("bus", "closing the consumer of {}: {}", options_.topic, closed.error().message);
}

Result<> Consumer::Impl::call_handler(Delivery& delivery) const {
  try {
    return handler_(delivery);
  } catch (const std::exception& thrown) {
    return fail(ErrorCode::handler_failed, fmt::format("the handler threw: {}", thrown.what()));
  } catch (...) {
    return fail(ErrorCode::handler_failed, "the handler threw something that is no std::exception");
  }
}

void Consumer::Impl::handle(const std::shared_ptr<Delivery::Impl>& impl) {
  Delivery delivery(impl);
  const auto result = call_handler(delivery);
  if (!result) return impl->nack(std::nullopt, result.error().message);
  if (impl->deferred()) return start_ack_timeout(impl);
  if (!impl->settle()) return;
  acknowledge(impl, [weak = weak_from_this(), callbacks = bus_->callbacks(),
                     tag = impl->tag()](Result<> answer) {
    // Conflict: it was taken back meanwhile, so it comes again anyway.
    if (answer || answer.error().code == ErrorCode::closed || answer.error().code == ErrorCode::conflict)
      return;
    // The handler has done its part and the disk has not: it comes again rather than staying here for ever.
    callbacks->post([weak, tag, error = std::move(answer.error())] {
      const auto self = weak.lock();
      if (!self) return;
      log::warn("bus", "acknowledge on {}: {}; the message comes again", self->options_.topic, error.message);
      self->engine_->negative_acknowledge(tag, self->options_.negative_ack_delay);
    });
  });
}

void Consumer::Impl::release(Delivery::Impl& delivery) {
  if (!delivery.let_go()) return;
  if (options_.ack_timeout.count() > 0) ack_timeouts_.remove(delivery.tag());
  if (options_.orderly) inbox_->finished(delivery.message().key);
}

bus::Done<void> Consumer::Impl::settled(const std::shared_ptr<Delivery::Impl>& delivery,
                                        bus::Done<void> done) {
  return [delivery, steps = steps_, done = std::move(done)](Result<> result) mutable {
    if (!result) delivery->unsettle();
    steps->end();
    done(std::move(result));
  };
}

void Consumer::Impl::acknowledge(const std::shared_ptr<Delivery::Impl>& delivery, bus::Done<void> done) {
  release(*delivery);
  if (delivery->withdrawn()) return done(std::unexpected(taken_back()));
  steps_->begin();
  engine_->acknowledge(delivery->tag(), settled(delivery, std::move(done)));
}

Result<> Consumer::Impl::check_cumulative() const {
  GEMINGA_TRY_VOID(bus::require(bus_->engine().capabilities(), Feature::cumulative_acknowledgement));
  if (options_.type != SubscriptionType::exclusive && options_.type != SubscriptionType::failover)
    return fail(
        ErrorCode::invalid_argument,
        "a cumulative acknowledgement needs an exclusive or failover subscription; on a shared one it "
        "would settle what other consumers hold");
  if (options_.orderly)
    return fail(ErrorCode::invalid_argument,
                "an orderly consumer settles each message of a key in turn; acknowledge them one by one");
  return {};
}

void Consumer::Impl::acknowledge_up_to(const std::shared_ptr<Delivery::Impl>& delivery,
                                       bus::Done<void> done) {
  release(*delivery);
  if (delivery->withdrawn()) return done(std::unexpected(taken_back()));
  steps_->begin();
  engine_->acknowledge_up_to(delivery->tag(), settled(delivery, std::move(done)));
}

void Consumer::Impl::forward(const std::shared_ptr<Delivery::Impl>& delivery,
                             std::vector<TopicMessage> messages, bus::Done<std::vector<MessageId>> done) {
  if (delivery->withdrawn()) {
    release(*delivery);
    return done(std::unexpected(taken_back()));
  }
  steps_->begin();
  bus_->engine().forward(*engine_, delivery->tag(), std::move(messages),
                         [weak = weak_from_this(), callbacks = bus_->callbacks(), delivery, steps = steps_,
                          done = std::move(done)](Result<std::vector<MessageId>> result) mutable {
                           if (result) {
                             callbacks->post([weak, delivery] {
                               if (const auto self = weak.lock()) self->release(*delivery);
                             });
                           } else {
                             delivery->unsettle();
                           }
                           steps->end();
                           done(std::move(result));
                         });
}

void Consumer::Impl::fail_delivery(const std::shared_ptr<Delivery::Impl>& delivery,
                                   std::optional<std::chrono::milliseconds> delay,
                                   const std::string& reason) {
  if (delivery->withdrawn()) return release(*delivery);
  if (options_.ack_timeout.count() > 0) ack_timeouts_.remove(delivery->tag());
  const std::uint32_t failures = delivery->message().redelivery_count;
  bus::EngineMessage message{
      .message = delivery->message(), .tag = delivery->tag(), .unreadable = delivery->unreadable()};
  if (options_.dead_letter && failures >= options_.dead_letter->max_redeliveries)
    return dead_letter(std::move(message), reason, !delivery->was_let_go());
  const auto wait = delay.value_or(options_.negative_ack_delay);
  // An acknowledgement that failed has let the key go already: it cannot be tried again in its place.
  if (!options_.orderly || delivery->was_let_go())
    return engine_->negative_acknowledge(delivery->tag(), wait);
  ++message.message.redelivery_count;
  inbox_->retry(std::move(message), base::later(bus_->clock().monotonic_now(), wait));
}

void Consumer::Impl::dead_letter(bus::EngineMessage message, const std::string& reason, bool holds_key) {
  std::vector<TopicMessage> letters;
  letters.push_back({dead_letter_topic_, bus::dead_letter(message.message, options_.subscription, reason)});
  steps_->begin();
  const std::uint64_t tag = message.tag;
  bus_->engine().forward(
      *engine_, tag, std::move(letters),
      [weak = weak_from_this(), callbacks = bus_->callbacks(), steps = steps_, message = std::move(message),
       holds_key](const Result<std::vector<MessageId>>& result) mutable {
        callbacks->post([weak, message = std::move(message), holds_key,
                         error = result ? std::nullopt : std::optional(result.error())]() mutable {
          if (const auto self = weak.lock()) self->dead_lettered(std::move(message), holds_key, error);
        });
        steps->end();
      });
}

void Consumer::Impl::dead_lettered(bus::EngineMessage message, bool holds_key,
                                   const std::optional<Error>& error) {
  const bool in_order = options_.orderly && holds_key;
  if (error) {
    log::warn("bus", "dead letter to {}: {}; the message comes again", dead_letter_topic_, error->message);
    // Its key waits for it, so that nothing passes it; but what was taken back comes from the engine.
    if (in_order && error->code != ErrorCode::conflict)
      return inbox_->retry(std::move(message),
                           base::later(bus_->clock().monotonic_now(), options_.negative_ack_delay));
    engine_->negative_acknowledge(message.tag, options_.negative_ack_delay);
  }
  if (in_order) inbox_->finished(message.message.key);
}

void Consumer::Impl::start_ack_timeout(const std::shared_ptr<Delivery::Impl>& delivery) {
  if (options_.ack_timeout.count() == 0) return;
  const auto when = base::later(bus_->clock().monotonic_now(), options_.ack_timeout);
  const bool unwatched = ack_timeouts_.add(
      when, {.tag = delivery->tag(), .delivery = delivery, .kept = options_.orderly ? delivery : nullptr});
  // Settled by another thread before it was added: nobody else would take it out.
  if (delivery->settled()) ack_timeouts_.remove(delivery->tag());
  if (unwatched) arm_ack_timeout(when);
}

void Consumer::Impl::arm_ack_timeout(base::MonotonicTime when) {
  bus_->callbacks()->at(when, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->on_ack_timeout();
  });
}

void Consumer::Impl::on_ack_timeout() {
  auto due = ack_timeouts_.take_due(bus_->clock().monotonic_now());
  for (const auto& held : due.held) {
    const auto delivery = held.delivery.lock();
    if (delivery && !delivery->settle()) continue;
    if (held.kept)
      fail_delivery(held.kept, std::chrono::milliseconds{0},
                    "not settled within the acknowledgement time-out");
    else if (!delivery || !delivery->withdrawn())
      engine_->negative_acknowledge(held.tag, std::chrono::milliseconds{0});
  }
  if (due.next) arm_ack_timeout(*due.next);
}

bool Consumer::Impl::on_handler_thread() {
  return std::ranges::find(thread_ids_, std::this_thread::get_id()) != thread_ids_.end();
}

Result<> Consumer::Impl::close() {
  std::vector<std::thread> threads;
  bool mine = false;
  {
    std::unique_lock lock(mutex_);
    mine = on_handler_thread();
    if (closing_) {
      if (!mine) finished_.wait(lock, [this] { return close_finished_; });
      return {};
    }
    closing_ = true;
    threads.swap(threads_);
    if (mine) closes_at_end_ = std::this_thread::get_id();
  }
  if (auto stopped = engine_->stop(); !stopped)
    log::debug("bus", "stopping the consumer of {}: {}", options_.topic, stopped.error().message);
  std::vector<std::uint64_t> unseen;
  for (const auto& message : inbox_->close()) unseen.push_back(message.tag);
  if (!unseen.empty()) engine_->give_back(std::move(unseen));
  for (std::thread& thread : threads) {
    if (thread.get_id() == std::this_thread::get_id())
      bus::bury(std::move(thread));
    else
      thread.join();
  }
  return mine ? Result<>{} : finish_close();
}

Result<> Consumer::Impl::finish_close() {
  steps_->wait(kCloseWait);
  auto closed = engine_->close();
  const std::lock_guard lock(mutex_);
  close_finished_ = true;
  finished_.notify_all();
  return closed;
}

Result<> Consumer::Impl::seek(const SeekTarget& target) {
  GEMINGA_TRY_VOID(bus::require(bus_->engine().capabilities(), Feature::seek));
  return engine_->seek(target);
}

Result<> Consumer::Impl::unsubscribe() {
  GEMINGA_TRY_VOID(engine_->unsubscribe());
  return close();
}

}  // namespace geminga
