#include "cli/bus_link.hpp"

#include <map>
#include <optional>

#include <geminga/bus.hpp>

namespace geminga::cli {
namespace {

class EngineConsumer final : public LinkConsumer {
 public:
  explicit EngineConsumer(Consumer consumer) : consumer_(std::move(consumer)) {}

  std::expected<std::optional<Message>, Failure> receive(std::chrono::milliseconds timeout) override {
    auto delivery = consumer_.receive(timeout);
    ended_ = !delivery && delivery.error().code == ErrorCode::topic_terminated;
    if (ended_ || (!delivery && delivery.error().code == ErrorCode::timeout)) return std::nullopt;
    if (!delivery) return failed(delivery.error());
    delivery_ = *std::move(delivery);
    return delivery_->message();
  }

  Outcome acknowledge() override {
    if (auto done = delivery_->ack(); !done) return failed(done.error());
    return {};
  }

  Outcome hand_back() override {
    delivery_->nack();
    return {};
  }

  Outcome close() override {
    delivery_.reset();
    if (auto closed = consumer_.close(); !closed) return failed(closed.error());
    return {};
  }

 private:
  Consumer consumer_;
  std::optional<Delivery> delivery_;
};

class EngineLink final : public BusLink {
 public:
  explicit EngineLink(Bus bus) : bus_(std::move(bus)) {}

  std::expected<MessageId, Failure> send(const std::string& topic, OutgoingMessage message) override {
    auto producer = producers_.find(topic);
    if (producer == producers_.end()) {
      auto made = bus_.create_producer({.topic = topic});
      if (!made) return failed(made.error());
      producer = producers_.emplace(topic, *std::move(made)).first;
    }
    auto id = producer->second.send(std::move(message));
    if (!id) return failed(id.error());
    return *id;
  }

  std::expected<std::unique_ptr<LinkConsumer>, Failure> subscribe(
      const LinkConsumerOptions& options) override {
    ConsumerOptions wanted{
        .topic = options.topic, .subscription = options.subscription, .type = options.type};
    wanted.initial_position = options.from;
    wanted.priority = options.priority;
    // One at a time: what was fetched ahead would be held back from other consumers.
    wanted.receiver_queue_size = 1;
    auto consumer = bus_.subscribe(std::move(wanted));
    if (!consumer) return failed(consumer.error());
    return std::make_unique<EngineConsumer>(*std::move(consumer));
  }

  Outcome close() override {
    producers_.clear();
    if (auto closed = bus_.close(); !closed) return failed(closed.error());
    return {};
  }

 private:
  Bus bus_;
  std::map<std::string, Producer> producers_;
};

}  // namespace

Option url_option() {
  return {
      .name = "url",
      .value = Value::endpoint,
      .metavar = "URL",
      .help =
          "open this bus here instead of asking a server: embedded:DIR (a directory that no serve holds)"};
}

std::expected<std::unique_ptr<BusLink>, Failure> open_link(const Arguments& arguments) {
  if (!arguments.has("url")) return server_link(arguments);
  if (arguments.has("server")) return usage("--url and --server exclude each other");
  auto bus = Bus::open(arguments.text("url"));
  if (!bus) return failed(bus.error());
  return std::make_unique<EngineLink>(*std::move(bus));
}

}  // namespace geminga::cli
