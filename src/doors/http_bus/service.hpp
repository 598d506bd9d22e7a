#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/event_loop.hpp"
#include "doors/http_bus/consumer_session.hpp"
#include "doors/http_bus/http_bus.hpp"
#include "net/blocking_pool.hpp"
#include "net/http_server.hpp"

namespace geminga::doors {

/// The handlers of HttpBus; they keep it alive. Handlers run on the server's loop, what waits runs on the
/// pool.
class HttpBus::Service : public std::enable_shared_from_this<HttpBus::Service> {
 public:
  Service(Bus bus, HttpBusOptions options);
  void start();
  void close();
  void add_routes(net::Router& router);

 private:
  using Answer = Result<net::HttpResponse>;
  /// A handler that runs on the pool and answers what it returns.
  net::HttpHandler on_pool(Answer (Service::*handler)(const net::HttpRequest&));
  /// A handler that answers by itself, later perhaps.
  net::HttpHandler at_once(void (Service::*handler)(net::HttpRequest, net::Responder));

  // access.cpp: where a name that a request brings becomes one that is used
  enum class Use : std::uint8_t { look, change };
  /// The full name of a topic that the sender may use so. Errors: invalid_argument, forbidden.
  Result<std::string> topic(const net::HttpRequest& request, std::string_view text, Use use) const;
  /// The topic of ?topic= or of the path.
  Result<std::string> named_topic(const net::HttpRequest& request, Use use) const;
  Result<> check_namespace(const net::HttpRequest& request, std::string_view path, Use use) const;
  /// Those that the sender sees.
  Result<std::vector<std::string>> visible_namespaces(const net::HttpRequest& request);

  // topic_routes.cpp
  Answer describe_bus(const net::HttpRequest&);
  Answer list_topics(const net::HttpRequest& request);
  Answer create_topic(const net::HttpRequest& request);
  Answer terminate_topic(const net::HttpRequest& request);
  Answer compact_topic(const net::HttpRequest& request);
  Answer update_partitions(const net::HttpRequest& request);
  Answer delete_topic(const net::HttpRequest& request);
  Answer topic_stats(const net::HttpRequest& request);
  Answer browse(const net::HttpRequest& request);
  Answer create_subscription(const net::HttpRequest& request);
  Answer delete_subscription(const net::HttpRequest& request);
  Answer skip_all(const net::HttpRequest& request);
  Answer skip(const net::HttpRequest& request);
  Answer expire(const net::HttpRequest& request);
  Answer seek(const net::HttpRequest& request);
  void publish(net::HttpRequest request, net::Responder responder);
  void parse_and_publish(const net::HttpRequest& request, net::Responder responder);

  // policy_routes.cpp
  /// One of both is empty.
  struct PolicyTarget {
    std::string topic;
    std::string name_space;
  };
  Result<PolicyTarget> policy_target(const net::HttpRequest& request, Use use) const;
  Answer get_policies(const net::HttpRequest& request);
  Answer put_policies(const net::HttpRequest& request);
  Answer list_namespaces(const net::HttpRequest& request);

  // consumer_routes.cpp
  Answer open_consumer(const net::HttpRequest& request);
  Answer close_consumer(const net::HttpRequest& request);
  Answer list_consumers(const net::HttpRequest& request);
  void receive(net::HttpRequest request, net::Responder responder);
  void acknowledge(net::HttpRequest request, net::Responder responder);
  void negative_acknowledge(net::HttpRequest request, net::Responder responder);
  Result<std::shared_ptr<ConsumerSession>> session(const net::HttpRequest& request);
  void close_idle_sessions();

  const HttpBusOptions options_;
  Bus bus_;  // any thread
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<ConsumerSession>> sessions_;  // under mutex_
  std::size_t opening_ = 0;                                           // under mutex_
  bool closed_ = false;                                               // under mutex_
  base::EventLoop loop_{"http-bus"};
  std::unique_ptr<base::Timer> idle_timer_;  // loop_
  std::unique_ptr<net::BlockingPool> pool_;
};

/// A query parameter that must be there. Errors: invalid_argument.
Result<std::string> required_query(const net::HttpRequest& request, std::string_view name);

/// {"topics": [...]} and the like, as 200 or another status.
net::HttpResponse json_answer(const nlohmann::json& body, int status = 200);

}  // namespace geminga::doors
