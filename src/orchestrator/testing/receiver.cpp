#include "orchestrator/testing/receiver.hpp"

#include <gtest/gtest.h>

#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator::testing {

Receiver::Receiver(std::function<int(std::size_t)> status) : status_(std::move(status)) {
  net::Router router;
  router.post("/hook", [this](const net::HttpRequest& request, net::Responder responder) {
    take(request, std::move(responder));
  });
  server_ = net::HttpServer::listen({}, std::move(router)).value();
}

Receiver::~Receiver() {
  server_->stop(std::chrono::milliseconds{0});
}

void Receiver::take(const net::HttpRequest& request, net::Responder responder) {
  const std::lock_guard lock(mutex_);
  const int status = status_(requests_.size());
  requests_.push_back(request);
  times_.push_back(base::Clock::system().monotonic_now());
  if (status == 0) return unanswered_.push_back(std::move(responder));
  net::HttpResponse response;
  response.status = status;
  responder.respond(std::move(response));
}

std::vector<net::HttpRequest> Receiver::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::vector<base::MonotonicTime> Receiver::times() {
  const std::lock_guard lock(mutex_);
  return times_;
}

void Receiver::wait_for(std::size_t count) {
  eventually(std::to_string(count) + " webhooks", [&] { return requests().size() >= count; });
  EXPECT_EQ(requests().size(), count);
}

}  // namespace geminga::orchestrator::testing
