#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "bus/engine.hpp"
#include "bus/message_queue.hpp"

namespace geminga::bus {

/// The receiver queue between an engine and the threads of the application. Knows no engine, so that the
/// engine may own it. Any thread.
class ConsumerInbox final : public EngineSink {
 public:
  /// `on_end`: the topic has ended; on the engine's thread.
  ConsumerInbox(ReceiverQueue limits, bool orderly, std::size_t parked_max,
                std::function<void()> on_end = nullptr)
      : report_at_{.messages = std::max(1U, limits.messages / 4), .bytes = limits.bytes / 4},
        on_end_(std::move(on_end)),
        queue_(orderly, parked_max) {}

  void on_messages(std::vector<EngineMessage> messages) override;
  void on_withdrawn(std::uint16_t partition) override;
  void on_end_of_topic() override;
  void on_closed(Error reason) override;

  struct Taken {
    std::optional<EngineMessage> message;
    std::shared_ptr<const std::atomic<bool>> withdrawn;  ///< becomes true when the message is taken back
    MessageQueue::Room room;  ///< to be reported to the engine: seldom, since each report costs
  };
  /// Waits until there is a message or freed room. Errors: timeout, closed, what the engine closed with; with
  /// a deadline also topic_terminated.
  Result<Taken> take(std::optional<base::MonotonicTime> deadline);
  /// Orderly only; see MessageQueue. After close() they do nothing.
  void finished(const std::string& key);
  void retry(EngineMessage message, base::MonotonicTime when);
  /// Wakes all who wait; returns what was not taken.
  std::vector<EngineMessage> close();
  [[nodiscard]] bool empty() const;

 private:
  MessageQueue::Room room_to_report(bool took_one);

  const MessageQueue::Room report_at_;
  const std::function<void()> on_end_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  MessageQueue queue_;  // under mutex
  using Flag = std::shared_ptr<std::atomic<bool>>;
  [[nodiscard]] Flag& withdrawn(std::uint16_t partition);

  /// Under mutex; of each partition that showed itself, shared by its messages since its last withdrawal.
  std::vector<Flag> withdrawn_;
  bool ended_ = false;           // under mutex; the topic, since the last withdrawal
  std::optional<Error> closed_;  // under mutex
};

}  // namespace geminga::bus
