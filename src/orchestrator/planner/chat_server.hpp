#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "net/http_server.hpp"

namespace geminga::orchestrator::testing {

/// A server on loopback that answers POST /v1/chat/completions as the test says, one reply for each request
/// in their order; the last one stands for all that follow. Fault model: any status and headers, an answer in
/// pieces, a cut, silence.
class ChatServer {
 public:
  struct Reply {
    int status = 200;
    net::HttpHeaders headers{};
    std::string words{};  ///< of the model; `body` stands in their place where it is not empty
    std::string body{};
    bool stream = false;
    bool cut = false;     ///< of a stream: without its end
    bool silent = false;  ///< no answer ever
    std::string finish = "stop";
  };
  struct Seen {
    nlohmann::json body;
    std::string authorization;
    base::MonotonicTime at;
  };

  ChatServer();
  ~ChatServer();
  void reply(Reply reply);
  /// "http://127.0.0.1:PORT/v1"
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::vector<Seen> seen() const;
  /// Requests without their answer.
  [[nodiscard]] std::size_t open() const;
  /// Ends the oldest silence with an answer.
  void wake(const std::string& words);

  static Reply says(const std::string& words) { return {.words = words}; }
  static Reply status(int status, const std::string& message = {}, net::HttpHeaders headers = {});

 private:
  void answer(const net::HttpRequest& request, net::Responder responder);

  mutable std::mutex mutex_;
  std::deque<Reply> replies_;          // under mutex_
  std::vector<Seen> seen_;             // under mutex_
  std::deque<net::Responder> silent_;  // under mutex_
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace geminga::orchestrator::testing
