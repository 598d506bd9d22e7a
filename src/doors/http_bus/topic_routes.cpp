#include <charconv>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/try.hpp"
#include "doors/http_bus/message_json.hpp"
#include "doors/http_bus/service.hpp"
#include "net/json_body.hpp"

namespace geminga::doors {

using nlohmann::json;

namespace {

constexpr std::size_t kParseOnLoopBytes = 64 << 10;  // larger bodies are parsed on the pool
constexpr std::uint32_t kBrowseMax = 1'000;

Result<std::uint32_t> limit_of(const net::HttpRequest& request) {
  const std::string_view text = request.query_value("limit").value_or("10");
  std::uint32_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc() || end != text.data() + text.size() || limit == 0 || limit > kBrowseMax)
    return fail(ErrorCode::invalid_argument,
                fmt::format("'limit' must be a whole number from 1 to {}", kBrowseMax));
  return limit;
}

Result<bool> flag_of(const net::HttpRequest& request, std::string_view name) {
  const std::string_view text = request.query_value(name).value_or("false");
  if (text != "true" && text != "false")
    return fail(ErrorCode::invalid_argument, fmt::format("'{}' must be true or false", name));
  return text == "true";
}

}  // namespace

HttpBus::Service::Answer HttpBus::Service::describe_bus(const net::HttpRequest&) {
  return json_answer({{"url", bus_.url()}, {"capabilities", to_json(bus_.capabilities())}});
}

HttpBus::Service::Answer HttpBus::Service::list_topics(const net::HttpRequest& request) {
  Admin admin = bus_.admin();
  std::vector<std::string> topics;
  json partitioned = json::array();
  const auto add = [&](std::string_view name) -> Result<> {
    GEMINGA_TRY(const auto some, admin.topics(name));
    topics.insert(topics.end(), some.begin(), some.end());
    GEMINGA_TRY(const auto wholes, admin.partitioned_topics(name));
    for (const PartitionedTopic& each : wholes)
      partitioned.push_back({{"topic", each.topic}, {"partitions", each.partitions}});
    return {};
  };
  if (const auto name = request.query_value("namespace")) {
    GEMINGA_TRY_VOID(check_namespace(request, *name, Use::look));
    GEMINGA_TRY_VOID(add(*name));
  } else {
    GEMINGA_TRY(const auto namespaces, visible_namespaces(request));
    for (const std::string& each : namespaces) GEMINGA_TRY_VOID(add(each));
  }
  return json_answer({{"topics", topics}, {"partitioned", std::move(partitioned)}});
}

HttpBus::Service::Answer HttpBus::Service::create_topic(const net::HttpRequest& request) {
  GEMINGA_TRY(const json body, net::parse_json_object(request.body));
  GEMINGA_TRY(const TopicRequest wanted, read_new_topic(body));
  GEMINGA_TRY(const std::string name, topic(request, wanted.topic, Use::change));
  if (wanted.partitions == 0) {
    GEMINGA_TRY_VOID(bus_.admin().create_topic(name));
    return json_answer({{"topic", name}}, 201);
  }
  GEMINGA_TRY_VOID(bus_.admin().create_partitioned_topic(name, wanted.partitions));
  return json_answer({{"topic", name}, {"partitions", wanted.partitions}}, 201);
}

HttpBus::Service::Answer HttpBus::Service::update_partitions(const net::HttpRequest& request) {
  GEMINGA_TRY(const json body, net::parse_json_object(request.body));
  GEMINGA_TRY(const TopicRequest wanted, read_new_topic(body));
  if (wanted.partitions == 0)
    return fail(ErrorCode::invalid_argument, "'partitions' is needed: how many there shall be");
  GEMINGA_TRY(const std::string name, topic(request, wanted.topic, Use::change));
  GEMINGA_TRY_VOID(bus_.admin().update_partitioned_topic(name, wanted.partitions));
  return net::HttpResponse{.status = 204};
}

HttpBus::Service::Answer HttpBus::Service::delete_topic(const net::HttpRequest& request) {
  GEMINGA_TRY(const std::string name, named_topic(request, Use::change));
  GEMINGA_TRY(const bool force, flag_of(request, "force"));
  GEMINGA_TRY_VOID(bus_.admin().delete_topic(name, force));
  return net::HttpResponse{.status = 204};
}

HttpBus::Service::Answer HttpBus::Service::terminate_topic(const net::HttpRequest& request) {
  GEMINGA_TRY(const json body, net::parse_json_object(request.body));
  GEMINGA_TRY(const TopicRequest wanted, read_topic(body, /*with_subscription=*/false));
  GEMINGA_TRY(const std::string name, topic(request, wanted.topic, Use::change));
  GEMINGA_TRY(const std::optional<MessageId> last, bus_.admin().terminate_topic(name));
  return json_answer({{"last_message_id", last ? json(last->to_string()) : json()}});
}

HttpBus::Service::Answer HttpBus::Service::compact_topic(const net::HttpRequest& request) {
  GEMINGA_TRY(const json body, net::parse_json_object(request.body));
  GEMINGA_TRY(const TopicRequest wanted, read_topic(body, /*with_subscription=*/false));
  GEMINGA_TRY(const std::string name, topic(request, wanted.topic, Use::change));
  GEMINGA_TRY_VOID(bus_.admin().compact_topic(name));
  return json_answer({{"topic", name}}, 202);
}

HttpBus::Service::Answer HttpBus::Service::topic_stats(const net::HttpRequest& request) {
  GEMINGA_TRY(const std::string name, named_topic(request, Use::look));
  GEMINGA_TRY(const TopicStats stats, bus_.admin().stats(name));
  return json_answer(to_json(stats));
}

HttpBus::Service::Answer HttpBus::Service::browse(const net::HttpRequest& request) {
  GEMINGA_TRY(const std::string name, named_topic(request, Use::look));
  GEMINGA_TRY(const std::uint32_t limit, limit_of(request));
  std::optional<MessageId> after;
  if (const auto text = request.query_value("after")) {
    GEMINGA_TRY(after, MessageId::parse(*text));
  }
  GEMINGA_TRY(const std::vector<Message> messages, bus_.admin().browse(name, after, limit));
  json array = json::array();
  for (const Message& message : messages) array.push_back(to_json(message));
  return json_answer({{"messages", std::move(array)}});
}

HttpBus::Service::Answer HttpBus::Service::create_subscription(const net::HttpRequest& request) {
  GEMINGA_TRY(const json body, net::parse_json_object(request.body));
  GEMINGA_TRY(const TopicRequest wanted, read_topic(body, /*with_subscription=*/true));
  GEMINGA_TRY(const std::string name, topic(request, wanted.topic, Use::change));
  GEMINGA_TRY_VOID(bus_.admin().create_subscription(name, *wanted.subscription, wanted.initial_position));
  return json_answer({{"topic", name}, {"subscription", *wanted.subscription}}, 201);
}

HttpBus::Service::Answer HttpBus::Service::delete_subscription(const net::HttpRequest& request) {
  GEMINGA_TRY(const std::string name, named_topic(request, Use::change));
  GEMINGA_TRY(const std::string subscription, required_query(request, "subscription"));
  GEMINGA_TRY_VOID(bus_.admin().delete_subscription(name, subscription));
  return net::HttpResponse{.status = 204};
}

HttpBus::Service::Answer HttpBus::Service::skip_all(const net::HttpRequest& request) {
  GEMINGA_TRY(const json body, net::parse_json_object(request.body));
  GEMINGA_TRY(const TopicRequest wanted, read_topic(body, /*with_subscription=*/true));
  GEMINGA_TRY(const std::string name, topic(request, wanted.topic, Use::change));
  GEMINGA_TRY_VOID(bus_.admin().skip_all(name, *wanted.subscription));
  return net::HttpResponse{.status = 204};
}

HttpBus::Service::Answer HttpBus::Service::skip(const net::HttpRequest& request) {
  GEMINGA_TRY(const json body, net::parse_json_object(request.body));
  GEMINGA_TRY(const SkipRequest wanted, read_skip(body));
  GEMINGA_TRY(const std::string name, topic(request, wanted.topic, Use::change));
  GEMINGA_TRY_VOID(bus_.admin().skip(name, wanted.subscription, wanted.entries));
  return net::HttpResponse{.status = 204};
}

HttpBus::Service::Answer HttpBus::Service::expire(const net::HttpRequest& request) {
  GEMINGA_TRY(const json body, net::parse_json_object(request.body));
  GEMINGA_TRY(const ExpireRequest wanted, read_expire(body));
  const Timestamp before = base::Clock::system().wall_now() - wanted.older_than;
  GEMINGA_TRY(const std::string name, topic(request, wanted.topic, Use::change));
  GEMINGA_TRY_VOID(bus_.admin().expire(name, wanted.subscription, before));
  return net::HttpResponse{.status = 204};
}

HttpBus::Service::Answer HttpBus::Service::seek(const net::HttpRequest& request) {
  GEMINGA_TRY(const json body, net::parse_json_object(request.body));
  GEMINGA_TRY(const SeekRequest wanted, read_seek(body));
  GEMINGA_TRY(const std::string name, topic(request, wanted.topic, Use::change));
  GEMINGA_TRY_VOID(bus_.admin().seek(name, wanted.subscription, wanted.target));
  return net::HttpResponse{.status = 204};
}

void HttpBus::Service::publish(net::HttpRequest request, net::Responder responder) {
  if (request.body.size() <= kParseOnLoopBytes) return parse_and_publish(request, std::move(responder));
  const std::lock_guard lock(mutex_);
  if (closed_) return responder.respond(Error{ErrorCode::unavailable, "the server is stopping"});
  pool_->post(
      [self = shared_from_this(), request = std::move(request), responder = std::move(responder)]() mutable {
        self->parse_and_publish(request, std::move(responder));
      });
}

void HttpBus::Service::parse_and_publish(const net::HttpRequest& request, net::Responder responder) {
  const auto read = [&]() -> Result<std::vector<TopicMessage>> {
    GEMINGA_TRY(const std::string name, named_topic(request, Use::change));
    GEMINGA_TRY(const json body, net::parse_json_object(request.body));
    GEMINGA_TRY(std::vector<OutgoingMessage> messages, read_messages(body));
    std::vector<TopicMessage> addressed;
    addressed.reserve(messages.size());
    for (OutgoingMessage& message : messages) addressed.push_back({name, std::move(message)});
    return addressed;
  };
  Result<std::vector<TopicMessage>> messages = read();
  if (!messages) return responder.respond(messages.error());
  bus_.publish_async(*std::move(messages),
                     [responder = std::move(responder)](Result<std::vector<MessageId>> ids) mutable {
                       if (ids)
                         responder.respond(json_answer({{"ids", ids_to_json(*ids)}}));
                       else
                         responder.respond(ids.error());
                     });
}

}  // namespace geminga::doors
