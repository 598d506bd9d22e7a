#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <geminga/message.hpp>
#include <geminga/types.hpp>

#include "cli/verb.hpp"

namespace geminga::cli {

struct LinkConsumerOptions {
  std::string topic;
  std::string subscription;
  SubscriptionType type = SubscriptionType::exclusive;
  InitialPosition from = InitialPosition::latest;
  std::uint32_t priority = 0;
  bool read_compacted = false;
};

/// Messages of a subscription, one after the other; each is acknowledged or handed back before the next one
/// is asked for.
class LinkConsumer {
 public:
  virtual ~LinkConsumer() = default;
  /// nullopt: none came in that time, or none will: see ended().
  virtual std::expected<std::optional<Message>, Failure> receive(std::chrono::milliseconds timeout) = 0;
  /// The topic was terminated and all of it is consumed.
  [[nodiscard]] bool ended() const { return ended_; }
  virtual Outcome acknowledge() = 0;
  virtual Outcome hand_back() = 0;
  virtual Outcome close() = 0;

 protected:
  bool ended_ = false;
};

/// Where `produce` and `consume` send to and take from: a running serve, or an engine opened by its URL.
class BusLink {
 public:
  virtual ~BusLink() = default;
  virtual std::expected<MessageId, Failure> send(const std::string& topic, OutgoingMessage message) = 0;
  virtual std::expected<std::unique_ptr<LinkConsumer>, Failure> subscribe(
      const LinkConsumerOptions& options) = 0;
  virtual Outcome close() = 0;
};

/// --url opens an engine in this process, otherwise --server is asked.
std::expected<std::unique_ptr<BusLink>, Failure> open_link(const Arguments& arguments);
std::unique_ptr<BusLink> server_link(const Arguments& arguments);
Option url_option();

}  // namespace geminga::cli
