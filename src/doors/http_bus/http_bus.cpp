#include "doors/http_bus/http_bus.hpp"

#include <nlohmann/json.hpp>

#include "doors/http_bus/service.hpp"
#include "net/http_router.hpp"

namespace geminga::doors {

namespace {

constexpr std::size_t kPoolThreads = 4;
constexpr std::chrono::milliseconds kIdleSweep{500};

}  // namespace

net::HttpResponse json_answer(const nlohmann::json& body, int status) {
  return net::HttpResponse::json(status, body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

HttpBus::HttpBus(Bus bus, HttpBusOptions options)
    : service_(std::make_shared<Service>(std::move(bus), options)) {
  service_->start();
}

HttpBus::~HttpBus() {
  close();
}

void HttpBus::add_routes(net::Router& router) {
  service_->add_routes(router);
}

void HttpBus::close() {
  service_->close();
}

HttpBus::Service::Service(Bus bus, HttpBusOptions options)
    : options_(options),
      bus_(std::move(bus)),
      pool_(std::make_unique<net::BlockingPool>("http-bus-pool", kPoolThreads)) {}

void HttpBus::Service::start() {
  loop_.run([this] {
    idle_timer_ = std::make_unique<base::Timer>(loop_);
    close_idle_sessions();
  });
}

void HttpBus::Service::close() {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
  }
  loop_.run([this] { idle_timer_.reset(); });
  loop_.stop();
  pool_.reset();  // what is in it ends first, and opens no session any more
  std::map<std::string, std::shared_ptr<ConsumerSession>> sessions;
  {
    const std::lock_guard lock(mutex_);
    sessions.swap(sessions_);
  }
  for (auto& [id, session] : sessions) session->close();
}

void HttpBus::Service::close_idle_sessions() {
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(mutex_);
    for (auto it = sessions_.begin(); it != sessions_.end();) {
      if (!it->second->idle_since_too_long(now)) {
        ++it;
        continue;
      }
      pool_->post([session = std::move(it->second)] { session->close(); });
      it = sessions_.erase(it);
    }
  }
  idle_timer_->set_after(kIdleSweep, [this] { close_idle_sessions(); });
}

net::HttpHandler HttpBus::Service::on_pool(Answer (Service::*handler)(const net::HttpRequest&)) {
  return [self = shared_from_this(), handler](net::HttpRequest request, net::Responder responder) {
    const std::lock_guard lock(self->mutex_);
    if (self->closed_) return responder.respond(Error{ErrorCode::unavailable, "the server is stopping"});
    self->pool_->post(
        [self, handler, request = std::move(request), responder = std::move(responder)]() mutable {
          Answer answer = (self.get()->*handler)(request);
          if (answer)
            responder.respond(*std::move(answer));
          else
            responder.respond(answer.error());
        });
  };
}

net::HttpHandler HttpBus::Service::at_once(void (Service::*handler)(net::HttpRequest, net::Responder)) {
  return [self = shared_from_this(), handler](net::HttpRequest request, net::Responder responder) {
    (self.get()->*handler)(std::move(request), std::move(responder));
  };
}

void HttpBus::Service::add_routes(net::Router& router) {
  using auth::Need;
  router.get("/api/bus", on_pool(&Service::describe_bus), Need::token);
  router.get("/api/bus/namespaces", on_pool(&Service::list_namespaces), Need::token);
  router.get("/api/bus/policies", on_pool(&Service::get_policies), Need::admin);
  router.put("/api/bus/policies", on_pool(&Service::put_policies), Need::admin);
  router.get("/api/bus/topics", on_pool(&Service::list_topics), Need::token);
  router.post("/api/bus/topics", on_pool(&Service::create_topic), Need::admin);
  router.post("/api/bus/topics/terminate", on_pool(&Service::terminate_topic), Need::admin);
  router.post("/api/bus/topics/compaction", on_pool(&Service::compact_topic), Need::admin);
  router.post("/api/bus/topics/partitions", on_pool(&Service::update_partitions), Need::admin);
  router.del("/api/bus/topics", on_pool(&Service::delete_topic), Need::admin);
  // A full name has slashes, which no path segment may hold: it goes into ?topic=.
  router.get("/api/bus/stats", on_pool(&Service::topic_stats), Need::token);
  router.get("/api/bus/topics/{topic}/stats", on_pool(&Service::topic_stats), Need::token);
  router.get("/api/bus/messages", on_pool(&Service::browse), Need::consume);
  router.get("/api/bus/topics/{topic}/messages", on_pool(&Service::browse), Need::consume);
  router.post("/api/bus/messages", at_once(&Service::publish), Need::produce);
  router.post("/api/bus/topics/{topic}/messages", at_once(&Service::publish), Need::produce);
  router.post("/api/bus/subscriptions", on_pool(&Service::create_subscription), Need::consume);
  router.del("/api/bus/subscriptions", on_pool(&Service::delete_subscription), Need::consume);
  router.post("/api/bus/subscriptions/skip-all", on_pool(&Service::skip_all), Need::consume);
  router.post("/api/bus/subscriptions/skip", on_pool(&Service::skip), Need::consume);
  router.post("/api/bus/subscriptions/expire", on_pool(&Service::expire), Need::consume);
  router.post("/api/bus/subscriptions/seek", on_pool(&Service::seek), Need::consume);
  router.get("/api/bus/consumers", on_pool(&Service::list_consumers), Need::consume);
  router.post("/api/bus/consumers", on_pool(&Service::open_consumer), Need::consume);
  router.del("/api/bus/consumers/{id}", on_pool(&Service::close_consumer), Need::consume);
  router.post("/api/bus/consumers/{id}/receive", at_once(&Service::receive), Need::consume);
  router.post("/api/bus/consumers/{id}/ack", at_once(&Service::acknowledge), Need::consume);
  router.post("/api/bus/consumers/{id}/nack", at_once(&Service::negative_acknowledge), Need::consume);
}

}  // namespace geminga::doors
