#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include <geminga/export.hpp>
#include <geminga/message.hpp>
#include <geminga/types.hpp>

namespace geminga {

struct ReaderOptions {
  std::string topic;
  /// earliest, latest, or the message after this id (with `inclusive`, this message itself).
  std::variant<InitialPosition, MessageId> start = InitialPosition::latest;
  bool inclusive = false;
  bool read_compacted = false;  ///< see ConsumerOptions::read_compacted
  std::uint32_t receiver_queue_size = 1'000;
};

/// Reads a topic from a position without a subscription: nothing is held back for it and nothing
/// acknowledged. The position is fixed when the reader is created: what is published afterwards is seen, also
/// with `latest`.
class GEMINGA_API Reader {
 public:
  /// Errors: timeout (none came), closed, topic_terminated (all was read and there will be no more).
  Result<Message> read(std::chrono::milliseconds timeout);
  /// True when a message that is already in the topic was not read yet.
  Result<bool> has_next();
  Result<> close();

  class Impl;
  explicit Reader(std::shared_ptr<Impl> impl);
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace geminga
