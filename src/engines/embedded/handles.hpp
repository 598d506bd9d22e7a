#pragma once

#include <functional>
#include <memory>
#include <string>

#include "broker/broker.hpp"
#include "bus/engine.hpp"
#include "engines/embedded/ack_batches.hpp"
#include "engines/embedded/messages.hpp"
#include "engines/embedded/send_batches.hpp"

namespace geminga::engines::embedded {

using BrokerPtr = std::shared_ptr<broker::Broker>;

class EmbeddedProducer final : public bus::EngineProducer {
 public:
  EmbeddedProducer(BrokerPtr broker, broker::ProducerPtr producer, std::shared_ptr<bus::EngineSendSink> sink);
  /// Its name is free at once, though sends under way hold the handle.
  ~EmbeddedProducer() override;
  void send(std::uint64_t tag, OutgoingMessage message) override;
  void flush() override {}  // what waits goes by itself when the transaction before it is durable
  [[nodiscard]] const std::string& name() const override { return producer_->name(); }
  [[nodiscard]] std::optional<std::uint64_t> last_sequence_id() const override {
    return producer_->last_sequence_id();
  }
  Result<> close() override;

 private:
  const BrokerPtr broker_;
  const broker::ProducerPtr producer_;
  const std::shared_ptr<SendBatches> batches_;
  std::uint64_t sequence_;  ///< of the next message without one of its own
};

class EmbeddedConsumer final : public bus::EngineConsumer {
 public:
  EmbeddedConsumer(BrokerPtr broker, broker::ConsumerPtr consumer, std::shared_ptr<OpenBatches> batches)
      : broker_(std::move(broker)),
        consumer_(std::move(consumer)),
        acknowledgements_(std::make_shared<AckBatches>(consumer_)),
        batches_(std::move(batches)) {}
  /// Its messages go to others at once, though acknowledgements under way hold the handle.
  ~EmbeddedConsumer() override;
  void taken(std::uint32_t messages, std::uint64_t bytes) override;
  void acknowledge(std::uint64_t tag, bus::Done<void> done) override;
  void acknowledge_up_to(std::uint64_t tag, bus::Done<void> done) override;
  void negative_acknowledge(std::uint64_t tag, std::chrono::milliseconds delay) override;
  Result<> stop() override;
  void give_back(std::vector<std::uint64_t> tags) override;
  Result<> close() override;
  Result<> seek(const SeekTarget& target) override;
  Result<> unsubscribe() override;
  /// The atomic step for a tag; it may be called when this consumer has gone.
  using Forward = std::function<void(std::uint64_t tag, std::vector<broker::Publication> publications,
                                     bus::Done<std::vector<MessageId>> done)>;
  [[nodiscard]] Forward forwarding() const;

 private:
  void hand_back(const std::optional<OpenBatches::Return>& entry);
  const BrokerPtr broker_;  ///< outlives what hangs on its cores
  const broker::ConsumerPtr consumer_;
  const std::shared_ptr<AckBatches> acknowledgements_;
  const std::shared_ptr<OpenBatches> batches_;
};

class EmbeddedReader final : public bus::EngineReader {
 public:
  EmbeddedReader(BrokerPtr broker, broker::ReaderPtr reader)
      : broker_(std::move(broker)), reader_(std::move(reader)) {}
  void taken(std::uint32_t messages, std::uint64_t bytes) override;
  Result<bool> has_more(std::optional<MessageId> last_taken) override;
  Result<> close() override;

 private:
  const BrokerPtr broker_;
  const broker::ReaderPtr reader_;
};

}  // namespace geminga::engines::embedded
