#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "net/http_server.hpp"

namespace geminga::mcp {

/// A Streamable HTTP MCP server in this process, on a free port of loopback. Tools: `echo`, `slow` (never
/// answers), `ask` (asks the client through its stream, then answers), `cut` (ends its stream without an
/// answer), `resume` (the same, but gives its events ids and answers on the stream that goes on). What is set
/// changes how it behaves from then on.
class HttpServerFixture {
 public:
  HttpServerFixture();
  ~HttpServerFixture();

  [[nodiscard]] std::string url(const std::string& path = "/mcp") const;
  /// Forgets every session: the next request of each gets 404.
  void forget_sessions();
  /// Sends a notification on every open GET stream.
  void notify(const std::string& method);
  [[nodiscard]] std::size_t listeners() const;
  [[nodiscard]] int count(const std::string& what) const;
  [[nodiscard]] std::string last_header(const std::string& name) const;

  std::atomic<bool> answers_by_stream{false};
  std::atomic<bool> with_sessions{true};
  std::atomic<bool> offers_listening{true};
  std::atomic<bool> extra_tool{false};
  std::atomic<bool> stateless{false};         ///< speaks protocol 2026-07-28 only; `region` wants a header
  std::atomic<bool> marks_region{true};       ///< and says so where it is listed
  std::atomic<bool> silent_discovery{false};  ///< server/discover is never answered
  std::atomic<bool> resumes{true};            ///< else a stream that is to go on gets 405
  std::atomic<int> status_for_calls{0};       ///< instead of an answer; 0: an answer
  std::atomic<int> status_for_initialize{0};

 private:
  void take_post(net::HttpRequest request, net::Responder responder);
  void take_stateless(const nlohmann::json& message, const net::HttpRequest& request,
                      net::Responder responder);
  void take_get(const net::HttpRequest& request, net::Responder responder);
  void take_delete(const net::HttpRequest& request, net::Responder responder);
  void initialize(const nlohmann::json& id, net::Responder responder);
  void call(const nlohmann::json& message, net::Responder responder);
  void answer(const nlohmann::json& id, nlohmann::json result, net::Responder responder);
  [[nodiscard]] bool knows_session(const net::HttpRequest& request) const;
  void add(const std::string& what);

  mutable std::mutex mutex_;
  std::map<std::string, int> counts_;
  std::map<std::string, std::string> headers_;
  std::string session_;
  int sessions_made_ = 0;
  std::vector<net::EventStream> listening_;
  std::vector<net::Responder> unanswered_;
  nlohmann::json to_resume_;  ///< id of the call whose stream ended
  std::unique_ptr<net::EventStream> asking_;
  nlohmann::json asking_id_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace geminga::mcp
