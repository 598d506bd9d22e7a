#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <geminga/bus.hpp>

#include "cli/latency_histogram.hpp"

/// The loads that `geminga perf` puts on a bus. They stand on the public API only, so that every engine is
/// measured by the same ones.
namespace geminga::cli {

inline constexpr std::size_t kDefaultBodyBytes = 1'024;

struct LoadPlan {
  std::string topic;
  /// Of each message that is sent; each that is received must have so many, where it is set.
  std::optional<std::size_t> body_bytes;
  std::optional<std::uint64_t> rate;  ///< messages a second; nothing: as fast as it goes
  std::chrono::milliseconds time{10'000};
  std::optional<std::uint64_t> count;  ///< at most so many messages
  std::uint32_t in_flight = 10'000;    ///< sent and not acknowledged
};

/// A body at least so long carries the time at which it was to be sent.
inline constexpr std::size_t kStampBytes = 16;

struct LoadReport {
  std::uint64_t messages = 0;  ///< acknowledged, or received
  std::uint64_t bytes = 0;     ///< of their bodies
  std::uint64_t failed = 0;
  std::optional<Error> first_failure;
  std::chrono::nanoseconds took{0};  ///< from the first step to the last answer or receipt
  /// From the time at which a message was to be sent: a load that falls behind its rate waits in this number.
  LatencyHistogram latency;
};

/// Called by the thread of the load about every 100 ms with what is done until now; false ends it early.
using Watch = std::function<bool(std::uint64_t messages)>;

/// Latency: from send to acknowledgement.
Result<LoadReport> load_produce(Bus& bus, const LoadPlan& plan, const Watch& watch);
/// From the earliest message on, by a subscription of its own, which is removed again. Latency: from send to
/// receipt where the message comes from such a load, else from its publish time.
Result<LoadReport> load_consume(Bus& bus, const LoadPlan& plan, const Watch& watch);
/// Both at once; latency: from send to receipt. Ends when all that was acknowledged is received; errors:
/// timeout where that does not come about.
Result<LoadReport> load_e2e(Bus& bus, const LoadPlan& plan, const Watch& watch);

}  // namespace geminga::cli
