#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "broker/broker.hpp"

namespace geminga::sim {

/// A consumer that is connected.
struct LiveConsumer {
  std::string topic;
  std::string subscription;
  broker::ConsumerPtr handle;
  std::int64_t permits = 0;  ///< messages that may still come; the last batch may take it below zero
  std::uint32_t priority = 0;
  bool stopped = false;
  bool closing = false;             ///< asked for
  bool gone = false;                ///< and heard by the broker, as its peers have shown
  bool sought = false;              ///< told that its subscription moves; nothing comes until it has
  std::optional<bool> told_active;  ///< Failover
  std::uint64_t messages_out = 0;
  std::uint64_t redelivered = 0;
};

struct LiveReader {
  std::string topic;
  std::uint64_t next = 0;
  broker::ReaderPtr handle;
};

/// A producer that is registered, waits for its topic, or was ended.
struct LiveProducer {
  enum class State : std::uint8_t {
    asked,    ///< no answer yet
    waiting,  ///< for the topic to be free
    granted,  ///< it is free: the answer must come
    refused,  ///< somebody took the topic over while it waited: the refusal must come
    connected,
    taken_over  ///< it must hear so, and can publish no more
  };
  std::string topic;
  std::string name;
  ProducerAccess access = ProducerAccess::shared;
  State state = State::asked;
  broker::ProducerPtr handle;
  bool told_closed = false;
  std::shared_ptr<const void> wanted = std::make_shared<int>();  ///< let go, it waits no more

  [[nodiscard]] bool exclusive() const { return access != ProducerAccess::shared; }
};

}  // namespace geminga::sim
