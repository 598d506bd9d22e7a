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
  Answer get_policies(const net::HttpRequest& request);
  Answer put_policies(const net::HttpRequest& request);
  Answer list_namespaces(const net::HttpRequest&);

  // consumer_routes.cpp
  Answer open_consumer(const net::HttpRequest& request);
  Answer close_consumer(const net::HttpRequest& request);
  Answer list_consumers(const net::HttpRequest&);
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

/// {"topics": [...]} and the like, as 200 or another status.
net::HttpResponse json_answer(const nlohmann::json& body, int status = 200);

}  // namespace geminga::doors
