#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "orchestrator/services/core.hpp"

/// What signals and webhooks have in common when they are tried again.
namespace geminga::orchestrator {

/// When the attempt after `failed` (from 0) may begin; never early.
Timestamp next_attempt_at(const Core& core, std::uint32_t failed, std::chrono::milliseconds at_least);

/// What is tried again.
struct Retried {
  TopicRole role = TopicRole::tool_signals;  ///< where it goes when it is due
  std::string_view status;
  std::string body;
  std::uint32_t attempt = 1;  ///< the one that it will be
};
/// Delayed by the bus, or in the topic of its tier until then.
TopicMessage later_message(const Core& core, const Envelope& envelope, Retried retried, Timestamp at);

}  // namespace geminga::orchestrator
