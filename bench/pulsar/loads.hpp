#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

/// The loads of pulsar_load: each opens its own connections, runs and says what it measured.
namespace geminga::bench::load {

using json = nlohmann::ordered_json;

struct Settings {
  std::string url = "pulsar://127.0.0.1:6650";
  std::string topic = "persistent://public/default/load";
  std::string subscription = "load";
  std::size_t connections = 1;
  std::size_t body_bytes = 1024;
  std::uint32_t batch = 1;           ///< messages of an entry; 1: no batches
  std::uint32_t in_flight = 10'000;  ///< messages of a connection without a receipt
  double per_second = 0;  ///< of all connections together, whatever the broker does; 0: as many as it takes
  double seconds = 10;
  double warm_up = 0;           ///< seconds at the beginning whose latencies do not count
  std::uint64_t messages = 0;   ///< 0: `seconds` counts
  std::uint32_t queue = 1'000;  ///< messages that a consumer asks for in advance
  std::uint32_t topics = 1;
  std::string server_pid;  ///< whose memory is looked at
};

/// A subscription that keeps what comes from now on.
json subscribe(const Settings& settings);
/// Messages to one topic, as many as the broker takes or so many a second. The latency of one counts from
/// when it was due.
json produce(const Settings& settings);
/// What a subscription has to come, acknowledged as official clients do.
json consume(const Settings& settings);
/// A producer and a consumer at once; the latency is from when a message was due to when it is there.
json both_ends(const Settings& settings);
/// Connections that do nothing but answer signs of life.
json idle(const Settings& settings);
/// Many topics, each with a producer that publishes one message.
json many_topics(const Settings& settings);
/// What the machine can: bytes through loopback between two threads.
json loopback(const Settings& settings);

}  // namespace geminga::bench::load
