#include <algorithm>
#include <thread>
#include <utility>

#include <geminga/bus.hpp>

#include "base/await.hpp"
#include "base/topic_name.hpp"
#include "base/try.hpp"
#include "bus/bus_impl.hpp"
#include "bus/consumer_impl.hpp"
#include "bus/graveyard.hpp"
#include "bus/message_check.hpp"
#include "bus/producer_impl.hpp"
#include "bus/reader_impl.hpp"

namespace geminga {

namespace {

/// A write that has not ended after this long is reported as timed out; it may still happen.
constexpr std::chrono::milliseconds kStepTimeout{30'000};

using IdsCallback = std::move_only_function<void(Result<std::vector<MessageId>>)>;

}  // namespace

Bus::Impl::Impl(std::unique_ptr<bus::Engine> engine, BusOptions options)
    : options_(std::move(options)),
      callbacks_(std::make_shared<bus::Callbacks>()),
      engine_(std::move(engine)) {}

Bus::Impl::~Impl() {
  const bool on_own_loop = callbacks_->here();
  auto end = [callbacks = std::move(callbacks_), engine = std::move(engine_)]() mutable {
    engine.reset();
    callbacks->stop();
  };
  // The application let go of its last handle inside a callback: the loop cannot join itself.
  if (on_own_loop)
    bus::bury(std::thread(std::move(end)));
  else
    end();
}

Result<std::string> Bus::Impl::full_topic_name(std::string_view topic) const {
  GEMINGA_TRY(const auto name, base::TopicName::parse(topic, options_.default_namespace));
  if (!name.persistent)
    GEMINGA_TRY_VOID(bus::require(engine_->capabilities(), Feature::non_persistent_topics));
  return name.full();
}

Result<> Bus::Impl::check(std::vector<TopicMessage>& messages) const {
  for (TopicMessage& each : messages) {
    GEMINGA_TRY(each.topic, full_topic_name(each.topic));
    if (auto checked = bus::check_message(each.message, options_, engine_->capabilities(), clock()); !checked)
      return std::unexpected(checked.error().with("message for " + each.topic));
  }
  return {};
}

Result<> Bus::Impl::add_child(const std::shared_ptr<bus::Child>& child) {
  const std::lock_guard lock(mutex_);
  if (closed_) return fail(ErrorCode::closed, "the bus was closed");
  if (children_.size() >= sweep_at_) {
    std::erase_if(children_, [](const auto& each) { return each.expired(); });
    sweep_at_ = 2 * children_.size() + kSweepMin;
  }
  children_.push_back(child);
  return {};
}

Result<> Bus::Impl::close() {
  std::vector<std::weak_ptr<bus::Child>> children;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    children.swap(children_);
  }
  Result<> first;
  for (const auto& each : children) {
    const auto child = each.lock();
    if (!child) continue;
    if (auto closed = child->close(); !closed && first) first = std::move(closed);
  }
  if (auto closed = engine_->close(); !closed && first) first = std::move(closed);
  return first;
}

Bus::Bus(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Bus bus::make_bus(std::unique_ptr<Engine> engine, BusOptions options) {
  return Bus(std::make_shared<Bus::Impl>(std::move(engine), std::move(options)));
}

Result<Producer> Bus::create_producer(ProducerOptions options) {
  GEMINGA_TRY(auto producer, Producer::Impl::create(impl_, std::move(options)));
  return Producer(std::move(producer));
}

Result<Consumer> Bus::subscribe(ConsumerOptions options) {
  GEMINGA_TRY(auto consumer, Consumer::Impl::create(impl_, std::move(options), nullptr));
  return Consumer(std::move(consumer));
}

Result<Consumer> Bus::subscribe(ConsumerOptions options, Handler handler) {
  if (!handler) return fail(ErrorCode::invalid_argument, "empty handler; give a function, or none to pull");
  GEMINGA_TRY(auto consumer, Consumer::Impl::create(impl_, std::move(options), std::move(handler)));
  return Consumer(std::move(consumer));
}

Result<Reader> Bus::create_reader(ReaderOptions options) {
  GEMINGA_TRY(auto reader, Reader::Impl::create(impl_, std::move(options)));
  return Reader(std::move(reader));
}

Result<std::vector<MessageId>> Bus::forward(Delivery& delivery, std::vector<TopicMessage> messages) {
  return base::await<std::vector<MessageId>>(
      [&](auto done) { delivery.impl_->forward(*impl_, std::move(messages), std::move(done)); }, kStepTimeout,
      "forward (publish and acknowledge)");
}

void Bus::forward_async(Delivery delivery, std::vector<TopicMessage> messages, IdsCallback callback) {
  auto target = delivery.impl_;
  // Whether it works or not is known after the handler's end, which must not acknowledge meanwhile.
  target->defer();
  target->forward(*impl_, std::move(messages),
                  [target, callbacks = impl_->callbacks(),
                   callback = std::move(callback)](Result<std::vector<MessageId>> result) mutable {
                    // Freed on the bus's thread too: it may be the last to know the delivery.
                    callbacks->post([target = std::move(target), callback = std::move(callback),
                                     result = std::move(result)]() mutable {
                      if (!result) target->nack(std::nullopt, result.error().message);
                      bus::call_back(callback, std::move(result));
                    });
                  });
}

void Bus::publish_async(std::vector<TopicMessage> messages, IdsCallback callback) {
  auto answer = [callbacks = impl_->callbacks(),
                 callback = std::move(callback)](Result<std::vector<MessageId>> result) mutable {
    callbacks->post([callback = std::move(callback), result = std::move(result)]() mutable {
      bus::call_back(callback, std::move(result));
    });
  };
  if (auto checked = impl_->check(messages); !checked) return answer(std::unexpected(checked.error()));
  if (messages.empty()) return answer(std::vector<MessageId>{});
  impl_->engine().publish(std::move(messages), std::move(answer));
}

const Capabilities& Bus::capabilities() const {
  return impl_->engine().capabilities();
}

const std::string& Bus::url() const {
  return impl_->engine().url();
}

Result<std::string> Bus::full_topic_name(std::string_view topic) const {
  return impl_->full_topic_name(topic);
}

Result<> Bus::close() {
  return impl_->close();
}

}  // namespace geminga
