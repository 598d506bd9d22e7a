#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <geminga/export.hpp>
#include <geminga/message.hpp>
#include <geminga/types.hpp>

namespace geminga {

enum class Compression : std::uint8_t { none, lz4, zlib, zstd, snappy };

/// Who else may publish to the topic.
enum class ProducerAccess : std::uint8_t {
  shared,                  ///< any number; none while somebody has it for himself
  exclusive,               ///< alone; refused with producer_fenced while others are there
  wait_for_exclusive,      ///< alone; waits until the others have gone
  exclusive_with_fencing,  ///< alone at once: the others are ended with producer_fenced
};

struct ProducerOptions {
  std::string topic;  ///< "orders" or "persistent://tenant/namespace/orders"
  /// Empty: one is made up. One producer of a name at a time; needed for deduplication over restarts.
  std::string name;
  /// Other than shared: see Feature::exclusive_producer.
  ProducerAccess access = ProducerAccess::shared;
  /// How long wait_for_exclusive waits; then create_producer fails with timeout.
  std::chrono::milliseconds access_timeout{30'000};
  std::chrono::milliseconds send_timeout{30'000};
  std::uint32_t max_pending_messages = 1'000;
  std::uint64_t max_pending_bytes = 64ULL << 20;
  bool block_if_full = true;  ///< false: send fails with queue_full
  // Batching and compression act where the message leaves this process; the embedded engine groups by itself
  // and stores as it came.
  std::uint32_t batch_messages_max = 1'000;
  std::uint64_t batch_bytes_max = 1ULL << 20;
  std::chrono::milliseconds batch_delay_max{10};
  Compression compression = Compression::none;
};

/// Called exactly once, on a thread of the bus; it must not block. The id is durable as the engine promises
/// it.
using SendCallback = std::move_only_function<void(Result<MessageId>)>;

/// Publishes to one topic. A handle: moving is cheap, any thread may call any member. The destructor closes
/// without waiting for the pending sends, whose callbacks get `closed`; call close() to wait for them.
class GEMINGA_API Producer {
 public:
  /// Returns when the message is durable, or earlier where the topic has Policies::durability async. Errors:
  /// timeout, too_large, queue_full, disk_full, overloaded, closed, disk_error, ...
  Result<MessageId> send(OutgoingMessage message);
  void send_async(OutgoingMessage message, SendCallback callback);
  /// Sends all concurrently; returns the ids in order when every one is durable, or the first error (the
  /// others are still sent).
  Result<std::vector<MessageId>> send_batch(std::vector<OutgoingMessage> messages);
  /// Returns when everything sent before this call has its answer.
  Result<> flush();
  /// Flushes, then frees. Idempotent; every later call fails with `closed`.
  Result<> close();
  /// The highest durable sequence id that a producer of this name gave on this topic; nothing: none. After a
  /// restart the application goes on behind it; on a partitioned topic, where it is the highest of all
  /// partitions, it sends again whatever had no answer. See Feature::deduplicate_by_application_id.
  [[nodiscard]] std::optional<std::uint64_t> last_sequence_id() const;
  [[nodiscard]] const std::string& topic() const;
  [[nodiscard]] const std::string& name() const;

  class Impl;
  explicit Producer(std::shared_ptr<Impl> impl);
  Producer(Producer&&) noexcept;
  Producer& operator=(Producer&&) noexcept;
  ~Producer();

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace geminga
