#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <geminga/consumer.hpp>

#include "auth/principal.hpp"
#include "base/clock.hpp"
#include "doors/http_bus/message_json.hpp"
#include "net/http_server.hpp"

namespace geminga::doors {

/// A consumer that somebody holds over HTTP. Its thread waits in Consumer::receive for the requests, one
/// after the other; what was delivered stays here by its id until it is acknowledged or handed back.
class ConsumerSession {
 public:
  struct Limits {
    std::size_t unsettled_max;
    std::chrono::milliseconds idle_timeout;
  };
  /// `owner` has opened it; nullptr: authentication is off.
  ConsumerSession(std::string id, auth::PrincipalPtr owner, Consumer consumer, SubscriptionType type,
                  Limits limits);
  /// close() must have returned.
  ~ConsumerSession();

  // Any thread; none of these blocks.
  /// Whether it is there for that one: for the role that opened it, and for superusers.
  [[nodiscard]] bool is_of(const auth::PrincipalPtr& principal) const;
  void receive(ReceiveRequest request, net::Responder responder);
  void acknowledge(SettleRequest request, net::Responder responder);
  void negative_acknowledge(SettleRequest request, net::Responder responder);
  [[nodiscard]] bool idle_since_too_long(base::MonotonicTime now) const;
  [[nodiscard]] nlohmann::json describe() const;

  /// Waiting requests are answered, unsettled messages go back. Blocks; idempotent; not from its own thread.
  void close();

 private:
  struct Waiting {
    ReceiveRequest request;
    net::Responder responder;
    std::shared_ptr<std::atomic<bool>> client_gone;
  };
  struct Taken {
    std::vector<Delivery> known;
    std::vector<std::string> unknown;
  };

  void serve();
  void answer_receive(Waiting waiting);
  Result<std::vector<Delivery>> collect(const Waiting& waiting);
  void deliver(std::vector<Delivery> deliveries, Waiting waiting);
  Taken take(const std::vector<std::string>& ids);
  std::size_t unsettled();

  const std::string id_;
  const auth::PrincipalPtr owner_;
  const SubscriptionType type_;
  const Limits limits_;
  Consumer consumer_;  // any thread

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;                // under mutex_
  std::map<std::string, Delivery> unsettled_;  // under mutex_, by id
  std::deque<Delivery> returned_;  // under mutex_: received for a client that was gone, next in line
  base::MonotonicTime last_used_;  // under mutex_
  bool busy_ = false;              // under mutex_: a receive is being answered
  bool closing_ = false;           // under mutex_
  std::thread thread_;
};

}  // namespace geminga::doors
