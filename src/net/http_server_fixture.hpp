#pragma once

#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/metrics.hpp"
#include "net/http_server.hpp"

namespace geminga::net::testing {

inline constexpr std::chrono::seconds kSoon{5};

/// Responders that handlers put aside, for the test to answer.
class Shelf {
 public:
  void put(Responder responder) {
    const std::lock_guard lock(mutex_);
    responders_.push_back(std::move(responder));
    changed_.notify_all();
  }
  std::vector<Responder> take(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kSoon, [&] { return responders_.size() >= count; }));
    return std::exchange(responders_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Responder> responders_;
};

/// A thing that happens once.
class Event {
 public:
  void set() { promise_.set_value(); }
  [[nodiscard]] bool happens_within(std::chrono::milliseconds time) const {
    return future_.wait_for(time) == std::future_status::ready;
  }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
};

/// A server with a route for each way in which a handler can behave.
class HttpServerTest : public ::testing::Test {
 protected:
  void listen(HttpServerOptions options = {}) {
    Router router;
    router.get("/hello", [](HttpRequest request, Responder responder) {
      responder.respond(
          HttpResponse::text(200, "hello " + std::string(request.query_value("name").value_or("you"))));
    });
    router.post("/echo", [](HttpRequest request, Responder responder) {
      responder.respond(HttpResponse::json(200, std::move(request.body)));
    });
    router.get("/wait", [this](HttpRequest, Responder responder) { shelf_.put(std::move(responder)); });
    router.get("/gone", [this](HttpRequest, Responder responder) {
      responder.on_client_gone([this] { gone_.set(); });
      shelf_.put(std::move(responder));
    });
    router.get("/drop", [](HttpRequest, Responder) {});
    router.get("/throw", [](HttpRequest, Responder) { throw std::runtime_error("secret detail"); });
    router.get("/big", [](HttpRequest, Responder responder) {
      responder.respond(HttpResponse::text(200, std::string(64 << 20, 'x')));
    });
    router.get("/headers", [](HttpRequest request, Responder responder) {
      HttpResponse response = HttpResponse::text(200, std::string(request.header("x-one")));
      response.headers.add("X-Back", "a\r\nInjected: yes");
      responder.respond(std::move(response));
    });
    server_ = HttpServer::listen(std::move(options), std::move(router)).value();
  }
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }

  base::Metrics metrics_;
  Shelf shelf_;
  Event gone_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace geminga::net::testing
