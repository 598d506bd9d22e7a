#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/broker.hpp"
#include "bus/engine.hpp"
#include "engines/embedded/open_batches.hpp"

namespace geminga::engines::embedded {

/// Turns entries into messages for the bus. Called on a core of the broker.
class MessageSink final : public broker::DeliverySink {
 public:
  /// `batches`: of a consumer; a reader settles nothing.
  MessageSink(std::string topic, std::int32_t partition, std::shared_ptr<bus::EngineSink> sink,
              std::shared_ptr<OpenBatches> batches = nullptr)
      : topic_(std::move(topic)),
        partition_(partition),
        sink_(std::move(sink)),
        batches_(std::move(batches)) {}
  void on_entries(std::vector<broker::Delivered> entries) override;
  void on_seek() override { withdraw(); }
  void on_active_change(bool active) override {
    if (!active) withdraw();
  }
  void on_end_of_topic() override { sink_->on_end_of_topic(); }
  void on_closed(Error reason) override { sink_->on_closed(std::move(reason)); }

 private:
  void withdraw();

  const std::string topic_;
  const std::int32_t partition_;
  const std::shared_ptr<bus::EngineSink> sink_;
  const std::shared_ptr<OpenBatches> batches_;
};

/// `partition`: of the topic, -1 where it is none of a partitioned one. Several only of a batch.
Result<std::vector<Message>> to_messages(storage::Entry entry, const std::string& topic,
                                         std::int32_t partition);

/// Finds, or makes, the topic of every message, then hands over all publications, in order; `done` at once
/// when all topics are there.
void resolve(broker::Broker& broker, std::vector<TopicMessage> messages,
             broker::Done<std::vector<broker::Publication>> done);

}  // namespace geminga::engines::embedded
