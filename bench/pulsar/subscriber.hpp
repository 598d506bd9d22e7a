#pragma once

#include <functional>
#include <string>
#include <vector>

#include "link.hpp"
#include "loads.hpp"

namespace geminga::bench::load {

/// A connection with one consumer: asks for more when half of what it asked for has come, and acknowledges
/// entry by entry, many in one command.
class Subscriber {
 public:
  /// Of each entry, as it came.
  using OnEntry = std::function<void(const wire::MessageMetadata& metadata)>;

  /// Returns when it is subscribed; nothing comes before start().
  Subscriber(Poller& poller, const Settings& settings, wire::SubscriptionType type);

  void start(OnEntry on_entry);
  [[nodiscard]] std::uint64_t messages() const { return messages_; }
  /// What was not sent yet; now and then.
  void acknowledge();
  /// All is acknowledged when it returns.
  void finish();

 private:
  void on_frame(const wire::Frame& frame);

  Poller& poller_;
  const std::uint32_t queue_;
  Link link_;
  OnEntry on_entry_;
  std::uint64_t messages_ = 0;
  std::uint32_t since_flow_ = 0;
  std::vector<wire::MessageIdData> unacknowledged_;
};

}  // namespace geminga::bench::load
