#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/event_loop.hpp"
#include "mcp/http_transport.hpp"
#include "mcp/oauth/authorizer.hpp"
#include "net/http_client.hpp"
#include "wire/mcp/sse_parser.hpp"

namespace geminga::mcp {

/// One message on its way to its answer: a POST, the GET that goes on with the stream of a POST, or the GET
/// that listens; perhaps sent several times.
struct HttpExchange {
  explicit HttpExchange(std::size_t max_bytes) : events(max_bytes) {}
  /// As if it had never been sent.
  void begin_anew(std::size_t max_bytes);

  std::optional<std::int64_t> id;  ///< of the request that it carries
  bool is_notification = false;
  std::string text;  ///< of a POST, as long as it may have to be sent again
  RequestHead head;
  std::function<void()> taken;          ///< see Transport::send
  std::string authorization;            ///< that it was sent with
  int refusals = 0;                     ///< after which it was sent again with another token
  std::optional<std::uint64_t> number;  ///< at the HTTP client; nothing while it waits to be sent
  bool with_session = false;
  int status = 0;
  net::HttpHeaders headers;
  bool is_stream = false;
  std::optional<wire::mcp::SseParser> events;
  bool answered = false;  ///< by this stream or another one
  std::string body;       ///< of an answer that is no stream
  std::optional<CallFailure> broken;
  // Of a stream that goes on with an earlier one.
  std::string last_event_id;
  std::chrono::milliseconds resume_delay{1'000};
  int resumed_in_vain = 0;  ///< times in a row without an event
  std::unique_ptr<base::Timer> resume_timer;
};
using HttpExchangePtr = std::shared_ptr<HttpExchange>;

/// The state of one connection by Streamable HTTP; it outlives its transport until its last answer.
class HttpCore : public std::enable_shared_from_this<HttpCore> {
 public:
  HttpCore(base::EventLoop& loop, net::HttpClient& client, std::string name, HttpEndpoint endpoint,
           std::size_t max_bytes, std::shared_ptr<oauth::Authorizer> authorizer);

  void start(Transport::Events events) { events_ = std::move(events); }
  void post(std::optional<std::int64_t> id, std::string text, RequestHead head, std::function<void()> taken);
  [[nodiscard]] std::size_t unsent() const;
  void forget(std::int64_t id);
  void handshake_begins();
  void handshake_ended(std::string_view version);
  void stateless_begins(std::string_view version);
  void close();
  void let_go() {
    close();
    events_ = {};
  }
  [[nodiscard]] std::uint64_t noise() const { return noise_; }

 private:
  [[nodiscard]] net::ClientRequest request(std::string method, const HttpExchangePtr& exchange);
  void send(net::ClientRequest request, const HttpExchangePtr& exchange);
  void send_post(const HttpExchangePtr& exchange);
  void take_head(const HttpExchangePtr& exchange, int status, const net::HttpHeaders& headers);
  void take_data(const HttpExchangePtr& exchange, std::string_view piece);
  void take_events(const HttpExchangePtr& exchange, std::string_view piece);
  void take_messages(std::string_view text);
  void answered(std::int64_t id);
  void finished(const HttpExchangePtr& exchange, const Result<net::ClientResponse>& result);
  void leave(const HttpExchangePtr& exchange, const std::function<void()>& tell);
  void ended(const HttpExchangePtr& exchange, const Result<net::ClientResponse>& result);
  void fail_request(const HttpExchangePtr& exchange, CallFailure failure);
  void drop(const HttpExchangePtr& exchange);
  void listen();
  void listen_finished(const HttpExchangePtr& exchange);
  void end_session();
  void go_on_closing();

  // http_recovery.cpp
  [[nodiscard]] bool authorize(const HttpExchangePtr& exchange);
  void authorized(const HttpExchangePtr& exchange, const Result<>& result);
  [[nodiscard]] bool resume(const HttpExchangePtr& exchange);
  void send_resumed(const HttpExchangePtr& exchange);
  void listen_with_another_token(const HttpExchangePtr& exchange);

  base::EventLoop& loop_;
  net::HttpClient& client_;
  const std::string name_;
  const HttpEndpoint endpoint_;
  const std::size_t max_message_bytes_;
  const std::shared_ptr<oauth::Authorizer> authorizer_;  // nullptr: what is refused stays refused
  Transport::Events events_;
  std::string session_id_;
  std::string version_;
  bool stateless_ = false;  // no session, no listening stream, no going on with a stream
  std::set<HttpExchangePtr> running_;
  std::map<std::int64_t, HttpExchangePtr> requests_;  // of running_: whose answer somebody waits for
  HttpExchangePtr listening_;
  std::string last_event_id_;  // of the listen stream
  std::unique_ptr<base::Timer> listen_again_;
  std::unique_ptr<base::Timer> grace_;  // after close()
  bool listen_refused_ = false;         // since it last listened
  bool closed_ = false;
  std::uint64_t noise_ = 0;
};

}  // namespace geminga::mcp
