#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "broker/broker.hpp"
#include "doors/pulsar/session.hpp"
#include "wire/pulsar/consuming.hpp"

namespace geminga::doors::pulsar {

/// A consumer of a connection: of a durable subscription, or one without (Pulsar's reader), whose position
/// the client keeps. The door's loop only.
class Receiver final : public Sent, public std::enable_shared_from_this<Receiver> {
 public:
  struct Place {
    std::string topic;
    broker::TopicPtr handle;  ///< none where the topic is non-persistent
    std::string subscription;
    std::string consumer_name;
    std::int32_t partition = -1;
  };
  Receiver(Session& session, std::uint64_t id) : session_(session), id_(id) {}

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const Place& place() const { return place_; }
  [[nodiscard]] const std::string& topic() const { return place_.topic; }
  void set_place(Place place) { place_ = std::move(place); }
  /// What the broker is to call.
  [[nodiscard]] std::shared_ptr<broker::DeliverySink> sink();
  void open(broker::ConsumerPtr consumer);
  void open(broker::ReaderPtr reader);
  [[nodiscard]] bool opened() const { return !std::holds_alternative<std::monostate>(source_); }
  /// Of a durable subscription; else nullptr.
  [[nodiscard]] const broker::ConsumerPtr& consumer() const;

  /// Of one without a subscription; else nullptr.
  [[nodiscard]] const broker::ReaderPtr& reader() const;

  void flow(broker::Permits more);
  /// `done` with no error where the consumer has no subscription, whose position is the client's.
  void acknowledge(const wire::CommandAck& ack, broker::Done<void> done);
  /// Removes the subscription, which closes its consumers: this one hears of it by `done` alone.
  void unsubscribe(broker::Done<void> done);
  /// It gets nothing more and what it holds goes back.
  void close(broker::Done<void> done);
  void drop();

  // --- what the broker calls, here ---
  void deliver(std::vector<broker::Delivered> entries);
  void tell_active(bool active);
  void tell_end_of_topic();
  /// The client is to subscribe again: its position moved, or the topic closed.
  void close_by_broker();
  void on_sent(std::uint64_t credit) override;

 private:
  void send(const broker::Delivered& delivered);
  void cannot_send(const storage::Entry& entry, const std::string& why);

  Session& session_;  ///< whoever calls holds it
  const std::uint64_t id_;
  Place place_;
  std::variant<std::monostate, broker::ConsumerPtr, broker::ReaderPtr> source_;
  std::optional<bool> active_;  ///< heard before it was opened
  bool leaving_ = false;
  std::uint64_t unsent_bytes_ = 0;  ///< of what was delivered, as permits count them
  std::uint64_t sent_bytes_ = 0;    ///< that flow() has not given back yet
  std::string head_;                ///< memory for the next entry
};

}  // namespace geminga::doors::pulsar
