#include "net/http_exchange.hpp"

#include <utility>

#include "base/assert.hpp"
#include "net/http_server.hpp"
#include "net/json_errors.hpp"

namespace geminga::net {

// Always posted, also from the loop itself: what is sent to one stream from several threads stays in order.
void HttpExchange::at_owner(std::move_only_function<void(ExchangeOwner&)> call) {
  loop_->post([self = shared_from_this(), call = std::move(call)]() mutable {
    if (const auto owner = self->owner_.lock()) call(*owner);
  });
}

void HttpExchange::answer(HttpResponse response) {
  GEMINGA_ASSERT(!answered_.exchange(true));
  if (loop_->here()) {  // the usual quick answer costs no post
    if (const auto owner = owner_.lock()) owner->answer(*this, std::move(response));
    return;
  }
  at_owner([this, response = std::move(response)](ExchangeOwner& owner) mutable {
    owner.answer(*this, std::move(response));
  });
}

void HttpExchange::begin_stream(HttpResponse head) {
  GEMINGA_ASSERT(!answered_.exchange(true));
  at_owner([this, head = std::move(head)](ExchangeOwner& owner) mutable {
    owner.begin_stream(*this, std::move(head));
  });
}

bool HttpExchange::send(std::string chunk) {
  if (gone_ || closed_) return false;
  if (chunk.empty()) return true;
  const std::size_t before = unsent_bytes_.fetch_add(chunk.size());
  if (before > 0 && before + chunk.size() > stream_bytes_max_) {  // one by itself may be larger
    gone_ = true;
    at_owner([this](ExchangeOwner& owner) { owner.cut_stream(*this); });
    return false;
  }
  at_owner([this, chunk = std::move(chunk)](ExchangeOwner& owner) mutable {
    owner.send_chunk(*this, std::move(chunk));
  });
  return true;
}

void HttpExchange::close_stream() {
  if (closed_.exchange(true)) return;
  at_owner([this](ExchangeOwner& owner) { owner.end_stream(*this); });
}

void HttpExchange::on_client_gone(std::move_only_function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    GEMINGA_ASSERT(on_gone_ == nullptr);
    on_gone_ = std::move(callback);
  }
  if (gone_) loop_->post([self = shared_from_this()] { self->client_gone(); });
}

void HttpExchange::client_gone() {
  gone_ = true;
  std::move_only_function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    callback.swap(on_gone_);
  }
  if (callback) callback();
}

void HttpExchange::finished() {
  gone_ = true;
  std::move_only_function<void()> callback;  // what it holds is released without the lock
  const std::lock_guard lock(mutex_);
  callback.swap(on_gone_);
}

EventStream::EventStream(std::shared_ptr<HttpExchange> exchange) : exchange_(std::move(exchange)) {}
EventStream::EventStream(EventStream&&) noexcept = default;

EventStream& EventStream::operator=(EventStream&& other) noexcept {
  if (this == &other) return *this;
  close();
  exchange_ = std::move(other.exchange_);
  return *this;
}

EventStream::~EventStream() {
  close();
}

bool EventStream::send(std::string chunk) {
  return exchange_ && exchange_->send(std::move(chunk));
}

bool EventStream::open() const {
  return exchange_ && !exchange_->gone();
}

void EventStream::close() {
  if (exchange_) std::exchange(exchange_, nullptr)->close_stream();
}

namespace {

void answer_dropped(HttpExchange& exchange) {
  exchange.answer(error_response(Error{ErrorCode::internal, "the request was given up without an answer"}));
}

}  // namespace

Responder::Responder(std::shared_ptr<HttpExchange> exchange) : exchange_(std::move(exchange)) {}
Responder::Responder(Responder&&) noexcept = default;

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this == &other) return *this;
  if (exchange_ && !exchange_->answered()) answer_dropped(*exchange_);
  exchange_ = std::move(other.exchange_);
  return *this;
}

Responder::~Responder() {
  if (exchange_ && !exchange_->answered()) answer_dropped(*exchange_);
}

void Responder::respond(HttpResponse response) {
  exchange_->answer(std::move(response));
}

void Responder::respond(const Error& error, std::string_view request_id) {
  exchange_->answer(error_response(error, request_id));
}

EventStream Responder::start_stream(HttpResponse head) {
  if (!head.headers.has("Content-Type")) head.headers.add("Content-Type", "text/event-stream");
  if (!head.headers.has("Cache-Control")) head.headers.add("Cache-Control", "no-store");
  exchange_->begin_stream(std::move(head));
  return EventStream(exchange_);
}

void Responder::on_client_gone(std::move_only_function<void()> callback) {
  exchange_->on_client_gone(std::move(callback));
}

bool Responder::answered() const {
  return exchange_->answered();
}

}  // namespace geminga::net
