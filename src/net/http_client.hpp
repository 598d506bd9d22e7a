#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <geminga/error.hpp>

#include "net/http_message.hpp"
#include "net/public_address.hpp"

namespace geminga::base {
class EventLoop;
}

namespace geminga::net {

struct ClientRequest {
  std::string method = "GET";
  std::string url{};  ///< http or https; redirects are not followed
  HttpHeaders headers{};
  std::string body{};
  std::chrono::milliseconds connect_timeout{10'000};  ///< name, TCP and TLS
  std::chrono::milliseconds timeout{60'000};          ///< of the whole exchange; 0: none, for streams
  /// Only to addresses that anybody can reach, whatever the name stands for at that moment; for URLs that
  /// others have named. Where the environment names a proxy, that makes every such connection, and its rules
  /// hold instead.
  bool public_only = false;
  /// With public_only: addresses that reach these will do too.
  AddressKind or_kind = AddressKind::everybody;
  std::size_t max_response_bytes = std::size_t{16} << 20U;  ///< not for a body that on_data takes
  /// Runs before any on_data, with the final status.
  std::function<void(int status, const HttpHeaders& headers)> on_head{};
  /// Takes the body in pieces as they come; the response then has none. Slow takers slow the sender down.
  std::function<void(std::string_view piece)> on_data{};
};

struct ClientResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;
};

/// HTTP/1.1 requests with connections that are kept and reused. One thread serves all of them; every callback
/// runs on the loop that was given. A request goes out at most once: it is never sent again behind the
/// caller's back when a kept connection turns out to be dead.
class HttpClient {
 public:
  /// Errors: invalid_argument (the URL); forbidden (public_only); not_sent (name, TCP, TLS, proxy, or ended
  /// before all of the request had left); outcome_unknown (reset, cut answer, time-out or cancel after that);
  /// too_large (the answer); closed (stopped). An HTTP status is no error.
  using Done = std::move_only_function<void(Result<ClientResponse>)>;

  /// `loop` must live longer.
  explicit HttpClient(base::EventLoop& loop);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Any thread. `done` runs exactly once, unless the loop stops first. The number is for cancel().
  std::uint64_t send(ClientRequest request, Done done);
  /// Any thread. `done` runs with not_sent or outcome_unknown, whichever is true.
  void cancel(std::uint64_t request);
  /// Ends what runs with ErrorCode::closed, then the thread. Idempotent.
  void stop();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace geminga::net
