#include "engines/embedded/opener.hpp"

#include <utility>

#include "base/try.hpp"
#include "broker/volatile_topics.hpp"
#include "engines/embedded/messages.hpp"
#include "engines/embedded/own_properties.hpp"
#include "engines/embedded/waiting.hpp"

namespace geminga::engines::embedded {
namespace {

bool is_volatile(const std::string& topic) {
  return broker::VolatileTopics::names(topic);
}

std::shared_ptr<MessageSink> messages_of(const broker::Topic& topic, const std::string& name,
                                         const std::shared_ptr<bus::EngineSink>& sink,
                                         const std::shared_ptr<OpenBatches>& batches = nullptr) {
  return std::make_shared<MessageSink>(name, broker::topic_partition(topic), sink, batches);
}

}  // namespace

template <class Use>
auto Opener::with_topic(const std::string& name, Use use)
    -> std::invoke_result_t<Use, const broker::TopicPtr&> {
  for (bool again = false;; again = true) {
    GEMINGA_TRY(const auto topic, wait<broker::TopicPtr>("open topic", [&](auto done) {
                  broker_->open_topic(name, true, std::move(done));
                }));
    auto used = use(topic);
    if (used || used.error().code != ErrorCode::topic_not_found || again) return used;
  }
}

std::shared_ptr<void> Opener::watch(const std::string& topic, std::function<void()> changed) {
  return broker_->watch_partitions(
      topic, [changed = std::move(changed)](std::uint32_t /*partitions*/) { changed(); });
}

Result<std::unique_ptr<bus::EngineProducer>> Opener::open_producer(
    const ProducerOptions& options, std::shared_ptr<bus::EngineSendSink> sink) {
  if (is_volatile(options.topic)) {
    GEMINGA_TRY(auto producer, broker_->volatile_topics().create_producer(
                                   options.topic, {.name = options.name, .access = options.access}));
    return std::make_unique<EmbeddedProducer>(broker_, std::move(producer), std::move(sink));
  }
  const auto timeout =
      options.access == ProducerAccess::wait_for_exclusive ? options.access_timeout : kStepTimeout;
  const auto wanted = std::make_shared<int>();  // until this call returns
  auto producer = with_topic(options.topic, [&](const broker::TopicPtr& topic) {
    return base::await<broker::ProducerPtr>(
        [&](auto done) {
          broker_->create_producer(topic, {.name = options.name, .access = options.access, .wanted = wanted},
                                   std::move(done));
        },
        timeout, "create producer");
  });
  if (!producer) return std::unexpected(producer.error().with("producer of " + options.topic));
  return std::make_unique<EmbeddedProducer>(broker_, std::move(*producer), std::move(sink));
}

Result<std::shared_ptr<bus::EngineConsumer>> Opener::open_consumer(const bus::EngineConsumerOptions& options,
                                                                   std::shared_ptr<bus::EngineSink> sink) {
  const broker::SubscribeOptions subscribe{
      .subscription = options.subscription,
      .type = options.type,
      .initial_position = options.initial_position,
      .consumer_name = options.name,
      .permits = {.messages = options.queue.messages, .bytes = options.queue.bytes},
      .priority = options.priority,
      .hash_ranges = options.hash_ranges,
      .properties = own_properties(),
      .read_compacted = options.read_compacted};
  const auto batches = std::make_shared<OpenBatches>();
  if (is_volatile(options.topic)) {
    auto messages = std::make_shared<MessageSink>(options.topic, -1, std::move(sink), batches);
    GEMINGA_TRY(auto consumer, broker_->volatile_topics().subscribe(options.topic, subscribe, messages));
    return std::make_shared<EmbeddedConsumer>(broker_, std::move(consumer), batches);
  }
  GEMINGA_TRY(auto consumer, with_topic(options.topic, [&](const broker::TopicPtr& topic) {
                return wait<broker::ConsumerPtr>("subscribe", [&](auto done) {
                  broker_->subscribe(topic, subscribe, messages_of(*topic, options.topic, sink, batches),
                                     std::move(done));
                });
              }));
  return std::make_shared<EmbeddedConsumer>(broker_, std::move(consumer), batches);
}

Result<std::unique_ptr<bus::EngineReader>> Opener::open_reader(const bus::EngineReaderOptions& options,
                                                               std::shared_ptr<bus::EngineSink> sink) {
  // Behind a message of a batch its others come: the whole batch, as nobody here can begin within it.
  const auto* id = std::get_if<MessageId>(&options.start);
  const auto position = std::visit([](const auto& at) -> SeekTarget { return at; }, options.start);
  const broker::ReaderStart start{.position = position,
                                  .inclusive = options.inclusive || (id != nullptr && id->batch_index >= 0),
                                  .read_compacted = options.read_compacted};
  const broker::Permits permits{.messages = options.queue.messages, .bytes = options.queue.bytes};
  if (is_volatile(options.topic)) {
    auto messages = std::make_shared<MessageSink>(options.topic, -1, std::move(sink));
    GEMINGA_TRY(auto reader,
                broker_->volatile_topics().create_reader(options.topic, start, permits, messages));
    return std::make_unique<EmbeddedReader>(broker_, std::move(reader));
  }
  GEMINGA_TRY(auto reader, with_topic(options.topic, [&](const broker::TopicPtr& topic) {
                return wait<broker::ReaderPtr>("create reader", [&](auto done) {
                  broker_->create_reader(topic, start, permits, messages_of(*topic, options.topic, sink),
                                         std::move(done));
                });
              }));
  return std::make_unique<EmbeddedReader>(broker_, std::move(reader));
}

}  // namespace geminga::engines::embedded
