#pragma once

#include <deque>
#include <string>
#include <vector>

#include "link.hpp"
#include "loads.hpp"

namespace geminga::bench::load {

/// What the producers of a load have together.
struct Receipts {
  std::uint64_t sent = 0;      ///< messages
  std::uint64_t durable = 0;   ///< messages
  Clock::time_point measured;  ///< from then on latencies count
  std::vector<double> us;      ///< of each entry

  [[nodiscard]] bool all() const { return durable == sent; }
};

/// The payloads of one entry, for all producers: their content does not matter, and to make it anew for each
/// entry would take the processor from the broker.
std::string payload_of(const Settings& settings);

/// A connection with one producer.
class Publisher {
 public:
  /// Returns when the producer is there.
  Publisher(Poller& poller, const Settings& settings, std::string_view payload, Receipts& receipts);

  [[nodiscard]] bool has_room() const { return in_flight() + batch_ <= in_flight_max_; }
  /// One entry, which goes out with the next flush.
  void send(Clock::time_point due);
  void flush() { link_.flush(); }

 private:
  void on_frame(const wire::Frame& frame);
  [[nodiscard]] std::size_t in_flight() const { return due_.size() * batch_; }

  const std::uint32_t batch_;
  const std::uint32_t in_flight_max_;
  const std::string_view payload_;
  Receipts& receipts_;
  Link link_;
  std::string name_;
  std::uint64_t next_ = 0;             ///< sequence id
  std::uint64_t acknowledged_ = 0;     ///< the sequence id whose receipt is the next
  std::deque<Clock::time_point> due_;  ///< of entries without a receipt
};

}  // namespace geminga::bench::load
