#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/event_loop.hpp"
#include "net/http_message.hpp"

namespace geminga::net {

class HttpExchange;

/// The connection as an exchange sees it; every member on the loop's thread. Calls for an exchange that is
/// not the connection's current one do nothing.
class ExchangeOwner {
 public:
  virtual ~ExchangeOwner() = default;
  virtual void answer(const HttpExchange& exchange, HttpResponse response) = 0;
  virtual void begin_stream(const HttpExchange& exchange, HttpResponse head) = 0;
  virtual void send_chunk(const HttpExchange& exchange, std::string chunk) = 0;
  virtual void end_stream(const HttpExchange& exchange) = 0;
  /// The client does not read what it asked for.
  virtual void cut_stream(const HttpExchange& exchange) = 0;
};

/// One request and its answer: shared by the connection and the handle that answers. What crosses threads is
/// here; the rest is posted to the connection's loop. It outlives the connection and the server without harm.
class HttpExchange : public std::enable_shared_from_this<HttpExchange> {
 public:
  HttpExchange(std::shared_ptr<base::EventLoop> loop, std::weak_ptr<ExchangeOwner> owner,
               std::size_t stream_bytes_max)
      : loop_(std::move(loop)), owner_(std::move(owner)), stream_bytes_max_(stream_bytes_max) {}

  // Any thread, for Responder and EventStream.
  void answer(HttpResponse response);
  void begin_stream(HttpResponse head);
  bool send(std::string chunk);
  void close_stream();
  void on_client_gone(std::move_only_function<void()> callback);
  [[nodiscard]] bool answered() const { return answered_.load(); }
  [[nodiscard]] bool gone() const { return gone_.load(); }

  // The loop's thread, for the connection.
  void client_gone();
  void chunk_written(std::size_t bytes) { unsent_bytes_.fetch_sub(bytes); }
  /// The answer is complete: nobody is told any more that the client is gone.
  void finished();

 private:
  void at_owner(std::move_only_function<void(ExchangeOwner&)> call);

  const std::shared_ptr<base::EventLoop> loop_;
  const std::weak_ptr<ExchangeOwner> owner_;
  const std::size_t stream_bytes_max_;
  std::atomic<bool> answered_ = false;
  std::atomic<bool> gone_ = false;
  std::atomic<bool> closed_ = false;
  std::atomic<std::size_t> unsent_bytes_ = 0;
  std::mutex mutex_;
  std::move_only_function<void()> on_gone_;  // under mutex_; called without it
};

}  // namespace geminga::net
