#include "engines/embedded/embedded.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/try.hpp"
#include "base/uuid.hpp"
#include "broker/raw_message.hpp"
#include "broker/volatile_topics.hpp"
#include "engines/embedded/admin.hpp"
#include "engines/embedded/capabilities.hpp"
#include "engines/embedded/handles.hpp"
#include "engines/embedded/messages.hpp"
#include "engines/embedded/waiting.hpp"

namespace geminga::engines::embedded {

namespace {

/// The broker of this process as an engine of the bus: names become topics, messages entries, tags entry ids.
class EmbeddedEngine final : public bus::Engine {
 public:
  EmbeddedEngine(BrokerPtr broker, std::string url)
      : broker_(std::move(broker)), url_(std::move(url)), admin_(*broker_) {}
  ~EmbeddedEngine() override { static_cast<void>(close()); }

  [[nodiscard]] const Capabilities& capabilities() const override { return embedded::capabilities(); }
  [[nodiscard]] const std::string& url() const override { return url_; }

  Result<std::unique_ptr<bus::EngineProducer>> create_producer(
      const ProducerOptions& options, std::shared_ptr<bus::EngineSendSink> sink) override {
    if (is_volatile(options.topic)) {
      GEMINGA_TRY(auto producer, broker_->volatile_topics().create_producer(
                                     options.topic, {.name = options.name, .access = options.access}));
      return std::make_unique<EmbeddedProducer>(broker_, std::move(producer), std::move(sink));
    }
    GEMINGA_TRY(auto topic, open_topic(options.topic));
    const auto timeout =
        options.access == ProducerAccess::wait_for_exclusive ? options.access_timeout : kStepTimeout;
    auto producer = base::await<broker::ProducerPtr>(
        [&](auto done) {
          broker_->create_producer(topic, {.name = options.name, .access = options.access}, std::move(done));
        },
        timeout, "create producer");
    if (!producer) return std::unexpected(producer.error().with("producer of " + options.topic));
    return std::make_unique<EmbeddedProducer>(broker_, std::move(*producer), std::move(sink));
  }

  Result<std::shared_ptr<bus::EngineConsumer>> subscribe(const bus::EngineConsumerOptions& options,
                                                         std::shared_ptr<bus::EngineSink> sink) override {
    auto messages = std::make_shared<MessageSink>(options.topic, std::move(sink));
    const broker::SubscribeOptions subscribe{
        .subscription = options.subscription,
        .type = options.type,
        .initial_position = options.initial_position,
        .consumer_name = options.name,
        .permits = {.messages = options.queue.messages, .bytes = options.queue.bytes},
        .priority = options.priority,
        .hash_ranges = options.hash_ranges,
        .hold_delayed = true};
    if (is_volatile(options.topic)) {
      GEMINGA_TRY(auto consumer, broker_->volatile_topics().subscribe(options.topic, subscribe, messages));
      return std::make_shared<EmbeddedConsumer>(broker_, std::move(consumer));
    }
    GEMINGA_TRY(auto topic, open_topic(options.topic));
    GEMINGA_TRY(auto consumer, wait<broker::ConsumerPtr>("subscribe", [&](auto done) {
                  broker_->subscribe(topic, subscribe, std::move(messages), std::move(done));
                }));
    return std::make_shared<EmbeddedConsumer>(broker_, std::move(consumer));
  }

  Result<std::unique_ptr<bus::EngineReader>> create_reader(const bus::EngineReaderOptions& options,
                                                           std::shared_ptr<bus::EngineSink> sink) override {
    auto messages = std::make_shared<MessageSink>(options.topic, std::move(sink));
    const broker::ReaderStart start{.position = options.start, .inclusive = options.inclusive};
    const broker::Permits permits{.messages = options.queue.messages, .bytes = options.queue.bytes};
    if (is_volatile(options.topic)) {
      GEMINGA_TRY(auto reader,
                  broker_->volatile_topics().create_reader(options.topic, start, permits, messages));
      return std::make_unique<EmbeddedReader>(broker_, std::move(reader));
    }
    GEMINGA_TRY(auto topic, open_topic(options.topic));
    GEMINGA_TRY(auto reader, wait<broker::ReaderPtr>("create reader", [&](auto done) {
                  broker_->create_reader(topic, start, permits, std::move(messages), std::move(done));
                }));
    return std::make_unique<EmbeddedReader>(broker_, std::move(reader));
  }

  void publish(std::vector<TopicMessage> messages, bus::Done<std::vector<MessageId>> done) override {
    if (!messages.empty() && std::ranges::all_of(messages, is_volatile, &TopicMessage::topic))
      return done(publish_volatile(std::move(messages)));
    auto publish = [this,
                    done = std::move(done)](Result<std::vector<broker::Publication>> publications) mutable {
      if (!publications) return done(std::unexpected(publications.error()));
      broker_->publish(std::move(*publications), std::move(done));
    };
    resolve(*broker_, std::move(messages), std::move(publish));
  }

  void forward(bus::EngineConsumer& consumer, std::uint64_t tag, std::vector<TopicMessage> messages,
               bus::Done<std::vector<MessageId>> done) override {
    auto from = static_cast<EmbeddedConsumer&>(consumer).consumer();
    auto forward = [from, tag,
                    done = std::move(done)](Result<std::vector<broker::Publication>> publications) mutable {
      if (!publications) return done(std::unexpected(publications.error()));
      from->forward(EntryId{tag}, std::move(*publications), std::move(done));
    };
    resolve(*broker_, std::move(messages), std::move(forward));
  }

  bus::EngineAdmin& admin() override { return admin_; }

  Result<> close() override {
    const std::lock_guard lock(close_mutex_);
    return broker_->close();
  }

 private:
  static bool is_volatile(const std::string& topic) { return broker::VolatileTopics::names(topic); }

  /// One after the other; what was sent before an error has been sent.
  Result<std::vector<MessageId>> publish_volatile(std::vector<TopicMessage> messages) {
    std::vector<MessageId> ids;
    for (TopicMessage& each : messages) {
      std::vector<storage::Append> one;
      one.push_back(broker::encode_raw(std::move(each.message), "", base::Clock::system().wall_now()));
      GEMINGA_TRY(const auto sent, broker_->volatile_topics().publish_to(each.topic, std::move(one)));
      ids.push_back(sent.front());
    }
    return ids;
  }

  Result<broker::TopicPtr> open_topic(const std::string& name) {
    return wait<broker::TopicPtr>("open topic",
                                  [&](auto done) { broker_->open_topic(name, true, std::move(done)); });
  }

  const BrokerPtr broker_;
  const std::string url_;
  EmbeddedAdmin admin_;
  std::mutex close_mutex_;
};

constexpr std::string_view kScheme = "embedded:";

}  // namespace

std::unique_ptr<bus::Engine> make_engine(std::shared_ptr<broker::Broker> broker, std::string url) {
  return std::make_unique<EmbeddedEngine>(std::move(broker), std::move(url));
}

Result<std::filesystem::path> directory_of(std::string_view url) {
  std::string_view directory = url.substr(kScheme.size());
  if (directory.starts_with("//")) directory.remove_prefix(2);
  if (directory.empty())
    return fail(ErrorCode::invalid_argument,
                "the address 'embedded:' names no directory; e.g. embedded:./data");
  return directory;
}

Result<std::unique_ptr<bus::Engine>> open_url(std::string_view url, const BusOptions& /*options*/) {
  GEMINGA_TRY(auto directory, directory_of(url));
  GEMINGA_TRY(auto broker, broker::Broker::open({.directory = std::move(directory)}));
  return make_engine(std::move(broker), std::string(url));
}

Result<Opened> open(broker::BrokerOptions broker_options, BusOptions bus_options) {
  std::string url = std::string(kScheme) + broker_options.directory.string();
  GEMINGA_TRY(auto opened, broker::Broker::open(std::move(broker_options)));
  std::shared_ptr<broker::Broker> broker = std::move(opened);
  return Opened{.bus = bus::make_bus(make_engine(broker, std::move(url)), std::move(bus_options)),
                .broker = broker};
}

}  // namespace geminga::engines::embedded
