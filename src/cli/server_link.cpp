#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/clock.hpp"
#include "base/utf8.hpp"
#include "cli/bus_link.hpp"
#include "cli/message_json.hpp"
#include "cli/remote.hpp"

namespace geminga::cli {
namespace {

using nlohmann::ordered_json;

ordered_json outgoing_json(const OutgoingMessage& message) {
  ordered_json json{{"key", message.key}, {"properties", message.properties}};
  if (base::is_utf8(message.body))
    json["body"] = message.body;
  else
    json["body_base64"] = base::to_base64(message.body);
  if (message.deliver_after) json["delay_ms"] = message.deliver_after->count();
  if (message.event_time) json["event_time"] = base::to_iso8601(*message.event_time);
  return json;
}

/// A consumer that lives in the server; it goes by itself when nobody asks for a minute.
class ServerConsumer final : public LinkConsumer {
 public:
  ServerConsumer(Remote& remote, std::string id)
      : remote_(remote), path_("/api/bus/consumers/" + url_encoded(id)) {}

  std::expected<std::optional<Message>, Failure> receive(std::chrono::milliseconds timeout) override {
    GEMINGA_CLI_TRY(const Reply reply,
                    remote_.send({.method = "POST",
                                  .path = path_ + "/receive",
                                  .body = body_text({{"max", 1}, {"wait_ms", timeout.count()}})}));
    ended_ = error_code_of(reply) == error_info(ErrorCode::topic_terminated).name;
    if (ended_) return std::nullopt;
    GEMINGA_CLI_TRY(const ordered_json answer, json_of(reply));
    const auto messages = answer.value("messages", ordered_json::array());
    if (messages.empty()) return std::nullopt;
    auto message = parse_message(messages.front());
    if (!message) return failed(message.error());
    id_ = message->id.to_string();
    return *std::move(message);
  }

  Outcome acknowledge() override { return settle("/ack"); }
  Outcome hand_back() override { return settle("/nack"); }

  Outcome close() override {
    GEMINGA_CLI_TRY(const Reply reply, remote_.send({.method = "DELETE", .path = path_}));
    if (!reply.good()) return std::unexpected(failure_of(reply));
    return {};
  }

 private:
  Outcome settle(std::string_view how) {
    GEMINGA_CLI_TRY(const Reply reply, remote_.send({.method = "POST",
                                                     .path = path_ + std::string(how),
                                                     .body = body_text({{"ids", {id_}}})}));
    if (!reply.good()) return std::unexpected(failure_of(reply));
    return {};
  }

  Remote& remote_;
  const std::string path_;
  std::string id_;
};

constexpr std::string_view type_name(SubscriptionType type) {
  switch (type) {
    case SubscriptionType::shared:
      return "shared";
    case SubscriptionType::failover:
      return "failover";
    case SubscriptionType::key_shared:
      return "key_shared";
    case SubscriptionType::exclusive:
      break;
  }
  return "exclusive";
}

class ServerLink final : public BusLink {
 public:
  explicit ServerLink(const Arguments& arguments) : remote_(arguments) {}

  std::expected<MessageId, Failure> send(const std::string& topic, OutgoingMessage message) override {
    GEMINGA_CLI_TRY(const ordered_json answer, remote_.post("/api/bus/messages?topic=" + url_encoded(topic),
                                                            {{"messages", {outgoing_json(message)}}}));
    const auto ids = answer.value("ids", std::vector<std::string>());
    auto id = MessageId::parse(ids.empty() ? "" : ids.front());
    if (!id) return failed(id.error());
    return *id;
  }

  std::expected<std::unique_ptr<LinkConsumer>, Failure> subscribe(
      const LinkConsumerOptions& options) override {
    GEMINGA_CLI_TRY(
        const ordered_json consumer,
        remote_.post("/api/bus/consumers",
                     {{"topic", options.topic},
                      {"subscription", options.subscription},
                      {"type", type_name(options.type)},
                      {"initial_position", options.from == InitialPosition::earliest ? "earliest" : "latest"},
                      {"priority", options.priority},
                      {"read_compacted", options.read_compacted},
                      {"receiver_queue_size", 1}}));
    return std::make_unique<ServerConsumer>(remote_, consumer.value("id", ""));
  }

  Outcome close() override { return {}; }

 private:
  Remote remote_;
};

}  // namespace

std::unique_ptr<BusLink> server_link(const Arguments& arguments) {
  return std::make_unique<ServerLink>(arguments);
}

}  // namespace geminga::cli
