#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <geminga/consumer.hpp>

#include "bus/ack_timeouts.hpp"
#include "bus/bus_impl.hpp"
#include "bus/consumer_inbox.hpp"
#include "bus/steps_under_way.hpp"

namespace geminga {

/// One received message. Settled at most once: the exchange of `settled_` decides who may.
class Delivery::Impl : public std::enable_shared_from_this<Delivery::Impl> {
 public:
  Impl(std::weak_ptr<Consumer::Impl> consumer, bus::EngineMessage message,
       std::shared_ptr<const std::atomic<bool>> withdrawn)
      : consumer_(std::move(consumer)), message_(std::move(message)), withdrawn_(std::move(withdrawn)) {}

  [[nodiscard]] const Message& message() const { return message_.message; }
  [[nodiscard]] std::uint64_t tag() const { return message_.tag; }
  [[nodiscard]] const std::shared_ptr<const std::string>& unreadable() const { return message_.unreadable; }
  [[nodiscard]] bool settled() const { return settled_.load(); }
  [[nodiscard]] std::weak_ptr<Consumer::Impl> consumer() const { return consumer_; }
  /// The engine took it back: a seek, or another consumer is active. Settling it has no meaning any more.
  [[nodiscard]] bool withdrawn() const { return withdrawn_->load(); }
  /// True for the one who may settle it now.
  bool settle() { return !settled_.exchange(true); }
  /// True once: what it held (its time-out, its key) is let go by whoever gets it.
  bool let_go() { return !let_go_.exchange(true); }
  [[nodiscard]] bool was_let_go() const { return let_go_.load(); }
  /// The step failed: it may be settled again.
  void unsettle() { settled_.store(false); }
  void defer() { deferred_.store(true); }
  [[nodiscard]] bool deferred() const { return deferred_.load(); }

  // `done` comes on a thread of the engine, or at once.
  void ack(bus::Done<void> done);
  void ack_cumulative(bus::Done<void> done);
  void nack(std::optional<std::chrono::milliseconds> delay, std::string reason);
  void forward(Bus::Impl& bus, std::vector<TopicMessage> messages, bus::Done<std::vector<MessageId>> done);

 private:
  const std::weak_ptr<Consumer::Impl> consumer_;
  const bus::EngineMessage message_;
  const std::shared_ptr<const std::atomic<bool>> withdrawn_;
  std::atomic<bool> settled_ = false;
  std::atomic<bool> deferred_ = false;
  std::atomic<bool> let_go_ = false;
};

/// Takes messages from the inbox for receive() or for its handler threads, and settles them. Owned by the
/// Consumer and, while they run, by the handler threads.
class Consumer::Impl final : public bus::Child, public std::enable_shared_from_this<Consumer::Impl> {
 public:
  /// An empty `handler`: pull style.
  static Result<std::shared_ptr<Impl>> create(const std::shared_ptr<Bus::Impl>& bus, ConsumerOptions options,
                                              Handler handler);
  Impl(std::shared_ptr<Bus::Impl> bus, ConsumerOptions options, std::string dead_letter_topic,
       Handler handler);

  Result<Delivery> receive(std::chrono::milliseconds timeout);
  Result<> seek(const SeekTarget& target);
  Result<> unsubscribe();
  Result<> close() override;
  [[nodiscard]] const ConsumerOptions& options() const { return options_; }

  // For Delivery::Impl, which has won the right to settle.
  void acknowledge(const std::shared_ptr<Delivery::Impl>& delivery, bus::Done<void> done);
  /// Errors: unsupported_by_engine, invalid_argument.
  [[nodiscard]] Result<> check_cumulative() const;
  void acknowledge_up_to(const std::shared_ptr<Delivery::Impl>& delivery, bus::Done<void> done);
  void fail_delivery(const std::shared_ptr<Delivery::Impl>& delivery,
                     std::optional<std::chrono::milliseconds> delay, const std::string& reason);
  void forward(const std::shared_ptr<Delivery::Impl>& delivery, std::vector<TopicMessage> messages,
               bus::Done<std::vector<MessageId>> done);
  [[nodiscard]] Bus::Impl& bus() const { return *bus_; }

 private:
  /// The next message for the application; dead-letters on the way what came too often.
  Result<std::shared_ptr<Delivery::Impl>> next(std::optional<base::MonotonicTime> deadline);
  /// It fails, and others go on.
  void pass_over(const std::shared_ptr<Delivery::Impl>& unreadable) const;
  void run_handlers();
  void handle(const std::shared_ptr<Delivery::Impl>& impl);
  /// The rest of an acknowledgement, when the engine has answered.
  bus::Done<void> settled(const std::shared_ptr<Delivery::Impl>& delivery, bus::Done<void> done);
  Result<> call_handler(Delivery& delivery) const;
  /// `holds_key`: orderly, it is the one of its key that runs.
  void dead_letter(bus::EngineMessage message, const std::string& reason, bool holds_key);
  void dead_lettered(bus::EngineMessage message, bool holds_key, const std::optional<Error>& error);
  /// What a settled message held: its time-out and, orderly, its key.
  void release(Delivery::Impl& delivery);
  void start_ack_timeout(const std::shared_ptr<Delivery::Impl>& delivery);
  void arm_ack_timeout(base::MonotonicTime when);
  void on_ack_timeout();
  [[nodiscard]] bool on_handler_thread();
  Result<> finish_close();

  const std::shared_ptr<Bus::Impl> bus_;
  const ConsumerOptions options_;  ///< topic is the full name
  const std::string dead_letter_topic_;
  const Handler handler_;
  const std::shared_ptr<bus::ConsumerInbox> inbox_;
  const std::shared_ptr<bus::StepsUnderWay> steps_ = std::make_shared<bus::StepsUnderWay>();
  bus::AckTimeouts ack_timeouts_;
  std::shared_ptr<bus::EngineConsumer> engine_;  // constant after create()

  std::mutex mutex_;
  std::condition_variable finished_;
  // Under mutex:
  std::vector<std::thread> threads_;
  std::vector<std::thread::id> thread_ids_;
  bool closing_ = false;
  bool close_finished_ = false;
  std::optional<std::thread::id> closes_at_end_;  ///< the handler thread that called close()
};

}  // namespace geminga
