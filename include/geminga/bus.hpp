#pragma once

/// Start here. Open a Bus by URL or from the environment, then make producers, consumers and readers:
///
///     auto bus = geminga::Bus::open("embedded:./data").value();
///     auto producer = bus.create_producer({.topic = "greetings"}).value();
///     producer.send({.body = "hello"}).value();
///     auto consumer = bus.subscribe({.topic = "greetings", .subscription = "me",
///                                    .initial_position = geminga::InitialPosition::earliest}).value();
///     auto delivery = consumer.receive(std::chrono::seconds(5)).value();
///     delivery.ack().value();
///
/// Moving to a server is another URL. What an engine cannot do, capabilities() says, and the call fails with
/// that reason.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/admin.hpp>
#include <geminga/capabilities.hpp>
#include <geminga/consumer.hpp>
#include <geminga/error.hpp>
#include <geminga/export.hpp>
#include <geminga/message.hpp>
#include <geminga/producer.hpp>
#include <geminga/reader.hpp>
#include <geminga/types.hpp>

namespace geminga {

struct BusOptions {
  std::string default_namespace = "public/default";  ///< where a bare topic name belongs
  std::uint64_t max_message_bytes = 5ULL << 20;
};

/// Which bus the environment names, and by which variable: COZE_MQ_TYPE + MQ_NAME_SERVER, then USE_PULSAR_KOP
/// + KAFKA_BROKERS, then ENABLE_PULSAR + PULSAR_SERVICE_URL, then ENABLE_KAFKA + KAFKA_BROKERS.
struct BusChoice {
  std::string url;
  std::string reason;  ///< "ENABLE_KAFKA=true and KAFKA_BROKERS"; for the log line
};

/// A connection to one event bus. A handle: cheap to copy, any thread may call any member. libgeminga
/// installs no signal handler and writes nothing to stdout or stderr.
class GEMINGA_API Bus {
 public:
  /// Schemes: embedded:DIR (a directory, made if it is missing). Errors: unknown_scheme (with the list),
  /// invalid_argument, directory_locked, format_too_new, corrupted, disk_error.
  static Result<Bus> open(std::string_view url, BusOptions options = {});
  /// As the environment says; nothing set: `fallback_url`.
  static Result<Bus> open_from_environment(std::string_view fallback_url, BusOptions options = {});
  static Result<BusChoice> choose_from_environment(std::string_view fallback_url);

  Result<Producer> create_producer(ProducerOptions options);
  /// Pull style: Consumer::receive.
  Result<Consumer> subscribe(ConsumerOptions options);
  /// Handler style: `handler` runs for every message until the consumer is closed.
  Result<Consumer> subscribe(ConsumerOptions options, Handler handler);
  Result<Reader> create_reader(ReaderOptions options);

  /// The atomic step: publishes `messages` (to any topics) and acknowledges `delivery`, both or neither.
  /// Where atomic_forward is emulated, a crash in between leaves the messages published and the delivery to
  /// come again. Returns when it is durable.
  Result<std::vector<MessageId>> forward(Delivery& delivery, std::vector<TopicMessage> messages);
  /// The same without waiting; the callback comes once, on a thread of the bus, and must not block. When it
  /// fails, the delivery is negatively acknowledged, unless somebody settled it before. In a handler it
  /// defers: the handler's success does not acknowledge.
  void forward_async(Delivery delivery, std::vector<TopicMessage> messages,
                     std::move_only_function<void(Result<std::vector<MessageId>>)> callback);
  /// The publishing half alone: all messages, to any topics, or none.
  void publish_async(std::vector<TopicMessage> messages,
                     std::move_only_function<void(Result<std::vector<MessageId>>)> callback);

  [[nodiscard]] Admin admin();
  [[nodiscard]] const Capabilities& capabilities() const;
  /// "embedded:/path" as opened, without secrets.
  [[nodiscard]] const std::string& url() const;
  /// The full name that `topic` stands for on this bus. Errors: invalid_argument (empty, illegal characters,
  /// wrong form).
  [[nodiscard]] Result<std::string> full_topic_name(std::string_view topic) const;
  /// Closes producers, consumers and readers made from it, then the engine. Idempotent.
  Result<> close();

  class Impl;
  explicit Bus(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace geminga
