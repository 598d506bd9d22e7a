#include "orchestrator/planner/chat_server.hpp"

#include <stdexcept>

#include <fmt/format.h>

namespace geminga::orchestrator::testing {
namespace {

using nlohmann::json;

std::string completion(const std::string& words, const std::string& finish) {
  return json{{"object", "chat.completion"},
              {"choices", json::array({{{"index", 0},
                                        {"finish_reason", finish},
                                        {"message", {{"role", "assistant"}, {"content", words}}}}})}}
      .dump();
}

std::string chunk(const json& delta, const json& finish) {
  return json{{"object", "chat.completion.chunk"},
              {"choices", json::array({{{"index", 0}, {"delta", delta}, {"finish_reason", finish}}})}}
      .dump();
}

}  // namespace

ChatServer::ChatServer() {
  net::Router router;
  router.post("/v1/chat/completions", [this](const net::HttpRequest& request, net::Responder responder) {
    answer(request, std::move(responder));
  });
  auto listening = net::HttpServer::listen({}, std::move(router));
  if (!listening) throw std::runtime_error(listening.error().message);
  server_ = *std::move(listening);
}

ChatServer::~ChatServer() {
  {
    const std::lock_guard lock(mutex_);
    silent_.clear();
  }
  server_->stop(std::chrono::milliseconds{100});
}

void ChatServer::reply(Reply reply) {
  const std::lock_guard lock(mutex_);
  replies_.push_back(std::move(reply));
}

std::string ChatServer::url() const {
  return "http://" + server_->endpoint() + "/v1";
}

std::vector<ChatServer::Seen> ChatServer::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

std::size_t ChatServer::open() const {
  const std::lock_guard lock(mutex_);
  return silent_.size();
}

void ChatServer::wake(const std::string& words) {
  const std::lock_guard lock(mutex_);
  silent_.front().respond(net::HttpResponse::json(200, completion(words, "stop")));
  silent_.pop_front();
}

ChatServer::Reply ChatServer::status(int status, const std::string& message, net::HttpHeaders headers) {
  Reply reply{.status = status, .headers = std::move(headers)};
  reply.body = message.empty() ? "<html>no JSON</html>"
                               : json{{"error", {{"message", message}, {"type", "x"}}}}.dump();
  return reply;
}

void ChatServer::answer(const net::HttpRequest& request, net::Responder responder) {
  const std::lock_guard lock(mutex_);
  seen_.push_back({.body = json::parse(request.body),
                   .authorization = std::string(request.header("Authorization")),
                   .at = base::Clock::system().monotonic_now()});
  const Reply reply = replies_.empty() ? status(500, "the test gave no reply") : replies_.front();
  if (replies_.size() > 1) replies_.pop_front();
  if (reply.silent) {
    silent_.push_back(std::move(responder));
    return;
  }
  if (!reply.stream) {
    auto response = net::HttpResponse::json(
        reply.status, reply.body.empty() ? completion(reply.words, reply.finish) : reply.body);
    for (const auto& [name, value] : reply.headers) response.headers.add(name, value);
    return responder.respond(std::move(response));
  }
  auto stream = responder.start_stream();
  stream.send(net::format_event(chunk({{"role", "assistant"}, {"content", ""}}, nullptr)));
  for (std::size_t at = 0; at < reply.words.size(); at += 7)
    stream.send(net::format_event(chunk({{"content", reply.words.substr(at, 7)}}, nullptr)));
  if (reply.cut) return stream.close();
  stream.send(net::format_event(chunk(json::object(), reply.finish)));
  stream.send(net::format_event("[DONE]"));
  stream.close();
}

}  // namespace geminga::orchestrator::testing
