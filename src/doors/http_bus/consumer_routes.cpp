#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/try.hpp"
#include "base/uuid.hpp"
#include "doors/http_bus/message_json.hpp"
#include "doors/http_bus/service.hpp"
#include "net/json_body.hpp"

namespace geminga::doors {

using nlohmann::json;

HttpBus::Service::Answer HttpBus::Service::open_consumer(const net::HttpRequest& request) {
  GEMINGA_TRY(const json body, net::parse_json_object(request.body));
  GEMINGA_TRY(ConsumerRequest wanted, read_consumer(body));
  GEMINGA_TRY(wanted.options.topic, topic(request, wanted.options.topic, Use::change));
  if (auto& letters = wanted.options.dead_letter; letters && !letters->topic.empty()) {
    GEMINGA_TRY(letters->topic, topic(request, letters->topic, Use::change));
  }
  const auto idle_timeout = wanted.idle_timeout.value_or(options_.idle_timeout_default);
  if (idle_timeout.count() == 0 || idle_timeout > options_.idle_timeout_max)
    return fail(ErrorCode::invalid_argument,
                fmt::format("'idle_timeout_ms' must be from 1 to {}", options_.idle_timeout_max.count()));
  {
    const std::lock_guard lock(mutex_);
    if (sessions_.size() + opening_ >= options_.consumers_max)
      return fail(ErrorCode::overloaded,
                  fmt::format("{} consumers are open over HTTP; close some, or let them time out",
                              options_.consumers_max));
    ++opening_;
  }
  const SubscriptionType type = wanted.options.type;
  Result<Consumer> consumer = bus_.subscribe(std::move(wanted.options));
  const std::lock_guard lock(mutex_);
  --opening_;
  if (!consumer) return std::unexpected(std::move(consumer).error());
  const std::string id = base::random_uuid();
  json answer{{"id", id},
              {"topic", consumer->topic()},
              {"subscription", consumer->subscription()},
              {"type", to_string(type)},
              {"idle_timeout_ms", idle_timeout.count()}};
  sessions_.emplace(
      id, std::make_shared<ConsumerSession>(id, request.principal, *std::move(consumer), type,
                                            ConsumerSession::Limits{.unsettled_max = options_.unsettled_max,
                                                                    .idle_timeout = idle_timeout}));
  return json_answer(answer, 201);
}

HttpBus::Service::Answer HttpBus::Service::close_consumer(const net::HttpRequest& request) {
  GEMINGA_TRY(const std::shared_ptr<ConsumerSession> closing, session(request));
  {
    const std::lock_guard lock(mutex_);
    sessions_.erase(std::string(request.param("id")));
  }
  closing->close();
  return net::HttpResponse{.status = 204};
}

HttpBus::Service::Answer HttpBus::Service::list_consumers(const net::HttpRequest& request) {
  json consumers = json::array();
  const std::lock_guard lock(mutex_);
  for (const auto& [id, session] : sessions_)
    if (session->is_of(request.principal)) consumers.push_back(session->describe());
  return json_answer({{"consumers", std::move(consumers)}});
}

Result<std::shared_ptr<ConsumerSession>> HttpBus::Service::session(const net::HttpRequest& request) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(std::string(request.param("id")));
  if (found == sessions_.end() || !found->second->is_of(request.principal))
    return fail(
        ErrorCode::not_found,
        fmt::format("there is no consumer '{}': it was closed, or idle for too long; open it again with "
                    "POST /api/bus/consumers",
                    request.param("id")));
  return found->second;
}

void HttpBus::Service::receive(net::HttpRequest request, net::Responder responder) {
  const auto read = [&]() -> Result<ReceiveRequest> {
    GEMINGA_TRY(const json body, net::parse_json_object(request.body));
    GEMINGA_TRY(ReceiveRequest wanted, read_receive(body));
    if (wanted.wait > options_.wait_max)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("'wait_ms' is at most {}", options_.wait_max.count()));
    return wanted;
  };
  const Result<ReceiveRequest> wanted = read();
  if (!wanted) return responder.respond(wanted.error());
  const auto of = session(request);
  if (!of) return responder.respond(of.error());
  (*of)->receive(*wanted, std::move(responder));
}

namespace {

Result<SettleRequest> read_settle_body(const net::HttpRequest& request, bool is_nack) {
  GEMINGA_TRY(const json body, net::parse_json_object(request.body));
  return read_settle(body, is_nack);
}

}  // namespace

void HttpBus::Service::acknowledge(net::HttpRequest request, net::Responder responder) {
  auto wanted = read_settle_body(request, /*is_nack=*/false);
  if (!wanted) return responder.respond(wanted.error());
  const auto of = session(request);
  if (!of) return responder.respond(of.error());
  (*of)->acknowledge(*std::move(wanted), std::move(responder));
}

void HttpBus::Service::negative_acknowledge(net::HttpRequest request, net::Responder responder) {
  auto wanted = read_settle_body(request, /*is_nack=*/true);
  if (!wanted) return responder.respond(wanted.error());
  const auto of = session(request);
  if (!of) return responder.respond(of.error());
  (*of)->negative_acknowledge(*std::move(wanted), std::move(responder));
}

}  // namespace geminga::doors
