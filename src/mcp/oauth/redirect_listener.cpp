#include "mcp/oauth/redirect_listener.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "base/event_loop.hpp"
#include "base/try.hpp"
#include "net/http_server.hpp"

namespace geminga::mcp::oauth {
namespace {

Redirect read(const net::HttpRequest& request) {
  const auto value = [&request](std::string_view name) {
    return std::string(request.query_value(name).value_or(""));
  };
  std::string error = value("error");
  if (const std::string text = value("error_description"); !error.empty() && !text.empty())
    error += ": " + text;
  return {.code = value("code"), .state = value("state"), .issuer = value("iss"), .error = std::move(error)};
}

}  // namespace

Result<std::unique_ptr<RedirectListener>> RedirectListener::open(base::EventLoop& loop, std::uint16_t port,
                                                                 Take take) {
  std::unique_ptr<RedirectListener> listener(new RedirectListener);
  listener->take_ = std::make_shared<Take>(std::move(take));
  net::Router router;
  router.get("/callback", [&loop, wanted = std::weak_ptr(listener->take_)](const net::HttpRequest& request,
                                                                           net::Responder responder) {
    loop.post([wanted, redirect = read(request), responder = std::move(responder)]() mutable {
      const auto taker = wanted.lock();
      responder.respond(net::HttpResponse::text(
          200, taker == nullptr ? "Nobody waits for this any more." : (*taker)(redirect)));
    });
  });
  GEMINGA_TRY(listener->server_,
              net::HttpServer::listen(
                  {.port = port, .thread_name = "oauth-redirect", .body_bytes_max = 0, .connections_max = 16},
                  std::move(router)));
  return listener;
}

RedirectListener::~RedirectListener() {
  take_.reset();
  if (server_ != nullptr) server_->stop(std::chrono::milliseconds{100});
}

std::string RedirectListener::uri() const {
  return fmt::format("http://127.0.0.1:{}/callback", server_->port());
}

}  // namespace geminga::mcp::oauth
