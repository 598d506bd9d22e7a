#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "net/http_server.hpp"

namespace geminga::orchestrator::testing {

/// Takes webhooks and answers what it is told to: the status of the n-th request (from 0); 0: no answer.
class Receiver {
 public:
  explicit Receiver(std::function<int(std::size_t number)> status = [](std::size_t) { return 204; });
  ~Receiver();
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  [[nodiscard]] std::string url() const { return "http://" + server_->endpoint() + "/hook"; }
  std::vector<net::HttpRequest> requests();
  std::vector<base::MonotonicTime> times();
  /// Exactly so many; a failure of the test where more have come, or fewer in ten seconds.
  void wait_for(std::size_t count);

 private:
  void take(const net::HttpRequest& request, net::Responder responder);

  const std::function<int(std::size_t)> status_;
  std::mutex mutex_;
  std::vector<net::HttpRequest> requests_;  // under mutex_
  std::vector<base::MonotonicTime> times_;  // under mutex_
  std::vector<net::Responder> unanswered_;  // under mutex_
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace geminga::orchestrator::testing
