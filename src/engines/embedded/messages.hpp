#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/broker.hpp"
#include "bus/engine.hpp"

namespace geminga::engines::embedded {

/// Turns entries into messages for the bus. Called on a core of the broker.
class MessageSink final : public broker::DeliverySink {
 public:
  MessageSink(std::string topic, std::int32_t partition, std::shared_ptr<bus::EngineSink> sink)
      : topic_(std::move(topic)), partition_(partition), sink_(std::move(sink)) {}
  void on_entries(std::vector<broker::Delivered> entries) override;
  void on_seek() override { sink_->on_withdrawn(0); }
  void on_active_change(bool active) override {
    if (!active) sink_->on_withdrawn(0);
  }
  void on_end_of_topic() override { sink_->on_end_of_topic(); }
  void on_closed(Error reason) override { sink_->on_closed(std::move(reason)); }

 private:
  const std::string topic_;
  const std::int32_t partition_;
  const std::shared_ptr<bus::EngineSink> sink_;
};

/// `partition`: of the topic, -1 where it is none of a partitioned one.
Result<Message> to_message(const storage::Entry& entry, const std::string& topic, std::int32_t partition);

/// Finds, or makes, the topic of every message, then hands over all publications, in order; `done` at once
/// when all topics are there.
void resolve(broker::Broker& broker, std::vector<TopicMessage> messages,
             broker::Done<std::vector<broker::Publication>> done);

}  // namespace geminga::engines::embedded
