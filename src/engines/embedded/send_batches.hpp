#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "broker/broker.hpp"
#include "bus/engine.hpp"
#include "engines/embedded/turns.hpp"

namespace geminga::engines::embedded {

/// The sends of one producer on their way to the log. What comes while a transaction is under way shares the
/// next one: a record, a receipt and a call of the sink cost more than a small message. Owned by what is
/// under way too.
class SendBatches : public std::enable_shared_from_this<SendBatches> {
 public:
  SendBatches(broker::ProducerPtr producer, std::shared_ptr<bus::EngineSendSink> sink);
  /// In order of the calls, of which no two overlap.
  void add(std::uint64_t tag, storage::Append message);
  /// The broker has them when it returns; for calls that come behind them.
  void submit_all() { turns_.submit_all(); }

 private:
  struct Batch {
    std::vector<storage::Append> messages;
    std::vector<std::uint64_t> tags;
    std::uint64_t bytes = 0;
    bool paced = false;  ///< each by itself

    static constexpr std::size_t kMessagesMax = 500;
    static constexpr std::uint64_t kBytesMax = 256 << 10;
    [[nodiscard]] bool empty() const { return messages.empty(); }
    [[nodiscard]] bool full() const { return paced || messages.size() >= kMessagesMax || bytes >= kBytesMax; }
  };
  void submit(Batch batch);
  void answered(const std::vector<std::uint64_t>& tags, const Result<std::vector<MessageId>>& ids);

  const broker::ProducerPtr producer_;
  const std::shared_ptr<bus::EngineSendSink> sink_;
  Turns<Batch> turns_;
};

}  // namespace geminga::engines::embedded
