#include "doors/http_bus/consumer_session.hpp"

#include <pthread.h>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/assert.hpp"
#include "base/log.hpp"

namespace geminga::doors {

using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds kSlice{200};  // how late a receive notices that its client is gone
constexpr std::size_t kAnswerBytesMax = 8 << 20;
constexpr std::size_t kWaitingMax = 64;

base::MonotonicTime now() {
  return std::chrono::steady_clock::now();
}

net::HttpResponse json_response(const json& body) {
  return net::HttpResponse::json(200, body.dump(-1, ' ', false, json::error_handler_t::replace));
}

/// Collects the results of several acknowledgements and answers when the last one is in.
class AckAnswer {
 public:
  AckAnswer(std::size_t count, std::vector<std::string> unknown, net::Responder responder)
      : left_(count), count_(count), unknown_(std::move(unknown)), responder_(std::move(responder)) {}

  void one(Result<> result) {
    const std::lock_guard lock(mutex_);
    if (!result && !error_) error_ = std::move(result).error();
    if (--left_ == 0) answer();
  }
  void answer() {
    if (error_) return responder_.respond(*error_);
    responder_.respond(json_response({{"settled", count_}, {"unknown", unknown_}}));
  }

 private:
  std::mutex mutex_;
  std::size_t left_;  // under mutex_
  const std::size_t count_;
  const std::vector<std::string> unknown_;
  std::optional<Error> error_;  // under mutex_
  net::Responder responder_;
};

}  // namespace

ConsumerSession::ConsumerSession(std::string id, auth::PrincipalPtr owner, Consumer consumer,
                                 SubscriptionType type, Limits limits)
    : id_(std::move(id)),
      owner_(std::move(owner)),
      type_(type),
      limits_(limits),
      consumer_(std::move(consumer)),
      last_used_(now()),
      thread_([this] { serve(); }) {}

ConsumerSession::~ConsumerSession() {
  GEMINGA_ASSERT(!thread_.joinable());
}

// --- receiving --------------------------------------------------------------------------------------------

void ConsumerSession::receive(ReceiveRequest request, net::Responder responder) {
  auto gone = std::make_shared<std::atomic<bool>>(false);
  responder.on_client_gone([gone] { gone->store(true); });
  const std::lock_guard lock(mutex_);
  last_used_ = now();
  if (closing_)
    return responder.respond(Error{ErrorCode::unavailable, fmt::format("consumer {} is closing", id_)});
  if (waiting_.size() >= kWaitingMax)
    return responder.respond(Error{ErrorCode::overloaded,
                                   fmt::format("{} receives of consumer {} wait already", kWaitingMax, id_)});
  waiting_.push_back({request, std::move(responder), std::move(gone)});
  changed_.notify_one();
}

void ConsumerSession::serve() {
  pthread_setname_np(pthread_self(), "http-bus-recv");
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return closing_ || !waiting_.empty(); });
    if (closing_) return;
    Waiting waiting = std::move(waiting_.front());
    waiting_.pop_front();
    busy_ = true;
    lock.unlock();
    answer_receive(std::move(waiting));
    lock.lock();
    busy_ = false;
    last_used_ = now();
  }
}

void ConsumerSession::answer_receive(Waiting waiting) {
  if (unsettled() >= limits_.unsettled_max)
    return waiting.responder.respond(Error{
        ErrorCode::overloaded,
        fmt::format("{} messages of consumer {} are neither acknowledged nor handed back; settle some first",
                    limits_.unsettled_max, id_)});
  Result<std::vector<Delivery>> deliveries = collect(waiting);
  if (!deliveries) return waiting.responder.respond(deliveries.error());
  deliver(*std::move(deliveries), std::move(waiting));
}

/// Waits for the first message, then takes what is there already.
Result<std::vector<Delivery>> ConsumerSession::collect(const Waiting& waiting) {
  const auto deadline = now() + waiting.request.wait;
  const std::size_t room = std::min(waiting.request.messages_max, limits_.unsettled_max - unsettled());
  std::vector<Delivery> deliveries;
  std::size_t bytes = 0;
  while (deliveries.size() < room && bytes < kAnswerBytesMax && !waiting.client_gone->load()) {
    {
      const std::lock_guard lock(mutex_);
      if (!returned_.empty()) {
        deliveries.push_back(std::move(returned_.front()));
        returned_.pop_front();
        continue;
      }
      if (closing_ && deliveries.empty())
        return fail(ErrorCode::unavailable, fmt::format("consumer {} is closing", id_));
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now());
    const bool may_wait = deliveries.empty() && left.count() > 0;
    Result<Delivery> next =
        consumer_.receive(may_wait ? std::min(left, kSlice) : std::chrono::milliseconds(0));
    if (next) {
      bytes += next->message().body.size();
      deliveries.push_back(*std::move(next));
    } else if (next.error().code != ErrorCode::timeout) {
      if (deliveries.empty()) return std::unexpected(std::move(next).error());
      break;
    } else if (!may_wait) {
      break;
    }
  }
  return deliveries;
}

void ConsumerSession::deliver(std::vector<Delivery> deliveries, Waiting waiting) {
  json messages = json::array();
  {
    const std::lock_guard lock(mutex_);
    if (waiting.client_gone->load()) {
      returned_.insert(returned_.begin(), deliveries.begin(), deliveries.end());
      return waiting.responder.respond(Error{ErrorCode::cancelled, "the client is gone"});
    }
    for (const Delivery& delivery : deliveries) {
      messages.push_back(to_json(delivery.message()));
      unsettled_.insert_or_assign(delivery.message().id.to_string(), delivery);
    }
  }
  waiting.responder.respond(json_response({{"messages", std::move(messages)}}));
}

// --- settling ---------------------------------------------------------------------------------------------

ConsumerSession::Taken ConsumerSession::take(const std::vector<std::string>& ids) {
  Taken taken;
  const std::lock_guard lock(mutex_);
  last_used_ = now();
  for (const std::string& id : ids) {
    const auto found = unsettled_.find(id);
    if (found == unsettled_.end()) {
      taken.unknown.push_back(id);
      continue;
    }
    taken.known.push_back(std::move(found->second));
    unsettled_.erase(found);
  }
  return taken;
}

void ConsumerSession::acknowledge(SettleRequest request, net::Responder responder) {
  Taken taken = take(request.ids);
  auto answer =
      std::make_shared<AckAnswer>(taken.known.size(), std::move(taken.unknown), std::move(responder));
  if (taken.known.empty()) return answer->answer();
  for (Delivery& delivery : taken.known)
    delivery.ack_async([answer, delivery](Result<> result) mutable {
      if (!result) delivery.nack();  // nobody can name it any more; it comes again rather than staying here
      answer->one(std::move(result));
    });
}

void ConsumerSession::negative_acknowledge(SettleRequest request, net::Responder responder) {
  Taken taken = take(request.ids);
  for (Delivery& delivery : taken.known) delivery.nack(request.delay);
  responder.respond(json_response({{"settled", taken.known.size()}, {"unknown", taken.unknown}}));
}

// --- the life of it ---------------------------------------------------------------------------------------

std::size_t ConsumerSession::unsettled() {
  const std::lock_guard lock(mutex_);
  // Whose acknowledgement time-out has passed comes again; it is not held here any more.
  std::erase_if(unsettled_, [](const auto& held) { return held.second.settled(); });
  return unsettled_.size();
}

bool ConsumerSession::idle_since_too_long(base::MonotonicTime time) const {
  const std::lock_guard lock(mutex_);
  return !busy_ && waiting_.empty() && time - last_used_ > limits_.idle_timeout;
}

bool ConsumerSession::is_of(const auth::PrincipalPtr& principal) const {
  return auth::sees_all(principal) || (owner_ != nullptr && owner_->role == principal->role);
}

json ConsumerSession::describe() const {
  const std::lock_guard lock(mutex_);
  return {{"id", id_},
          {"topic", consumer_.topic()},
          {"subscription", consumer_.subscription()},
          {"type", to_string(type_)},
          {"unsettled", unsettled_.size()},
          {"waiting", waiting_.size() + (busy_ ? 1 : 0)},
          {"idle_timeout_ms", limits_.idle_timeout.count()}};
}

void ConsumerSession::close() {
  std::deque<Waiting> unanswered;
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = true;
    unanswered.swap(waiting_);
    changed_.notify_one();
  }
  for (Waiting& waiting : unanswered)
    waiting.responder.respond(Error{ErrorCode::unavailable, fmt::format("consumer {} is closing", id_)});
  // Ends a receive that waits, and hands back what is not settled.
  if (const Result<> closed = consumer_.close(); !closed)
    log::warn("http-bus", "consumer {}: {}", id_, closed.error().message);
  thread_.join();
  const std::lock_guard lock(mutex_);
  unsettled_.clear();
  returned_.clear();
}

}  // namespace geminga::doors
