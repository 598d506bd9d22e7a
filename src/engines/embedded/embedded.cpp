#include "engines/embedded/embedded.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/partition_name.hpp"
#include "base/try.hpp"
#include "broker/raw_message.hpp"
#include "broker/volatile_topics.hpp"
#include "bus/partitions/consumer.hpp"
#include "bus/partitions/producer.hpp"
#include "bus/partitions/reader.hpp"
#include "bus/partitions/router.hpp"
#include "engines/embedded/admin.hpp"
#include "engines/embedded/capabilities.hpp"
#include "engines/embedded/handles.hpp"
#include "engines/embedded/messages.hpp"
#include "engines/embedded/opener.hpp"

namespace geminga::engines::embedded {

namespace {

/// The broker of this process as an engine of the bus: names become topics, messages entries, tags entry ids.
class EmbeddedEngine final : public bus::Engine {
 public:
  EmbeddedEngine(BrokerPtr broker, std::string url)
      : broker_(std::move(broker)),
        url_(std::move(url)),
        opener_(std::make_shared<Opener>(broker_)),
        admin_(*broker_) {}
  ~EmbeddedEngine() override { static_cast<void>(close()); }

  [[nodiscard]] const Capabilities& capabilities() const override { return embedded::capabilities(); }
  [[nodiscard]] const std::string& url() const override { return url_; }

  Result<std::unique_ptr<bus::EngineProducer>> create_producer(
      const ProducerOptions& options, std::shared_ptr<bus::EngineSendSink> sink) override {
    if (broker_->partitions(options.topic) > 0)
      return bus::PartitionedProducer::create(opener_, options, std::move(sink));
    return opener_->open_producer(options, std::move(sink));
  }

  Result<std::shared_ptr<bus::EngineConsumer>> subscribe(const bus::EngineConsumerOptions& options,
                                                         std::shared_ptr<bus::EngineSink> sink) override {
    if (broker_->partitions(options.topic) > 0)
      return bus::PartitionedConsumer::create(opener_, options, std::move(sink));
    return opener_->open_consumer(options, std::move(sink));
  }

  Result<std::unique_ptr<bus::EngineReader>> create_reader(const bus::EngineReaderOptions& options,
                                                           std::shared_ptr<bus::EngineSink> sink) override {
    if (broker_->partitions(options.topic) > 0)
      return bus::PartitionedReader::create(opener_, options, std::move(sink));
    return opener_->open_reader(options, std::move(sink));
  }

  void publish(std::vector<TopicMessage> messages, bus::Done<std::vector<MessageId>> done) override {
    if (!messages.empty() && std::ranges::all_of(messages, is_volatile, &TopicMessage::topic))
      return done(publish_volatile(std::move(messages)));
    auto publish = [this,
                    done = std::move(done)](Result<std::vector<broker::Publication>> publications) mutable {
      if (!publications) return done(std::unexpected(publications.error()));
      broker_->publish(std::move(*publications), std::move(done));
    };
    resolve(*broker_, routed(std::move(messages)), std::move(publish));
  }

  void forward(bus::EngineConsumer& consumer, std::uint64_t tag, std::vector<TopicMessage> messages,
               bus::Done<std::vector<MessageId>> done) override {
    const auto* partitioned = dynamic_cast<bus::PartitionedConsumer*>(&consumer);
    const auto part = partitioned == nullptr ? nullptr : partitioned->part_of(tag).first;
    auto& from = static_cast<EmbeddedConsumer&>(part ? *part : consumer);
    auto forward = [from = from.forwarding(), tag = bus::PartitionTag::own(tag),
                    done = std::move(done)](Result<std::vector<broker::Publication>> publications) mutable {
      if (!publications) return done(std::unexpected(publications.error()));
      from(tag, std::move(*publications), std::move(done));
    };
    resolve(*broker_, routed(std::move(messages)), std::move(forward));
  }

  bus::EngineAdmin& admin() override { return admin_; }

  Result<> close() override {
    const std::lock_guard lock(close_mutex_);
    opener_->growth().stop();
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

  /// What is for a partitioned topic is for one of its partitions.
  std::vector<TopicMessage> routed(std::vector<TopicMessage> messages) {
    std::string last;  // most batches are for one topic
    std::uint32_t partitions = 0;
    for (TopicMessage& each : messages) {
      if (last != each.topic) {
        last = each.topic;
        partitions = broker_->partitions(last);
      }
      if (partitions > 0)
        each.topic = base::partition_name(last, routers_.pick(last, each.message, partitions));
    }
    return messages;
  }

  const BrokerPtr broker_;
  const std::string url_;
  const std::shared_ptr<Opener> opener_;
  bus::PartitionRouters routers_;
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
