#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <geminga/error.hpp>

namespace geminga::base {
class EventLoop;
}
namespace geminga::net {
class HttpServer;
}

namespace geminga::mcp::oauth {

/// What a browser brings back from an authorization server.
struct Redirect {
  std::string code;
  std::string state;
  std::string issuer;  ///< RFC 9207; empty where it names none
  std::string error;   ///< with its description; empty where there is a code
};

/// Waits on loopback for a person who comes back from an authorization server (RFC 8252 section 7.3).
class RedirectListener {
 public:
  /// Decides whether a redirect is one that we wait for; runs on the loop, and so does all that follows from
  /// it. What it returns is shown to the person.
  using Take = std::function<std::string(const Redirect&)>;

  /// `loop` must live longer; `take` does not run any more once the listener is gone. Port 0: a free one.
  /// Errors: those of net::HttpServer::listen.
  static Result<std::unique_ptr<RedirectListener>> open(base::EventLoop& loop, std::uint16_t port, Take take);
  ~RedirectListener();
  RedirectListener(const RedirectListener&) = delete;
  RedirectListener& operator=(const RedirectListener&) = delete;

  [[nodiscard]] std::string uri() const;

 private:
  RedirectListener() = default;
  std::shared_ptr<Take> take_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace geminga::mcp::oauth
