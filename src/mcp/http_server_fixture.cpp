#include "mcp/http_server_fixture.hpp"

#include <utility>

namespace geminga::mcp {

using net::HttpRequest;
using net::HttpResponse;
using net::Responder;
using nlohmann::json;

HttpServerFixture::HttpServerFixture() {
  net::Router router;
  router.post("/mcp", [this](HttpRequest request, Responder responder) {
    take_post(std::move(request), std::move(responder));
  });
  router.get("/mcp", [this](const HttpRequest& request, Responder responder) {
    take_get(request, std::move(responder));
  });
  router.del("/mcp", [this](const HttpRequest& request, Responder responder) {
    take_delete(request, std::move(responder));
  });
  // The plain form, and what stands in for a server of it without a list.
  router.get("/plain/mcp/tools", [](const HttpRequest&, Responder responder) {
    responder.respond(HttpResponse::json(
        200, R"({"tools":[{"name":"listed"},{"name":"declared","description":"by the server"}]})"));
  });
  const auto invoke = [this](const HttpRequest& request, Responder responder) {
    add("invoke");
    {
      const std::lock_guard lock(mutex_);
      headers_["idempotency-key"] = request.header("Idempotency-Key");
    }
    if (const int status = status_for_calls; status != 0)
      return responder.respond(HttpResponse::text(status, "no"));
    const json body = json::parse(request.body);
    responder.respond(
        HttpResponse::json(200, json{{"tool", body.at("tool")}, {"got", body.at("arguments")}}.dump()));
  };
  router.post("/plain/mcp/invoke", invoke);
  router.post("/unlisted/mcp/invoke", invoke);
  auto server = net::HttpServer::listen({.thread_name = "mcp-fixture"}, std::move(router));
  server_ = *std::move(server);
}

HttpServerFixture::~HttpServerFixture() {
  {
    const std::lock_guard lock(mutex_);
    unanswered_.clear();
    listening_.clear();
    asking_.reset();
  }
  server_->stop(std::chrono::milliseconds{100});
}

std::string HttpServerFixture::url(const std::string& path) const {
  return "http://" + server_->endpoint() + path;
}

void HttpServerFixture::add(const std::string& what) {
  const std::lock_guard lock(mutex_);
  ++counts_[what];
}

int HttpServerFixture::count(const std::string& what) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(what);
  return found == counts_.end() ? 0 : found->second;
}

std::string HttpServerFixture::last_header(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = headers_.find(name);
  return found == headers_.end() ? "" : found->second;
}

void HttpServerFixture::forget_sessions() {
  const std::lock_guard lock(mutex_);
  session_.clear();
}

void HttpServerFixture::notify(const std::string& method) {
  const std::lock_guard lock(mutex_);
  for (auto& stream : listening_)
    stream.send(net::format_event(json{{"jsonrpc", "2.0"}, {"method", method}}.dump()));
}

std::size_t HttpServerFixture::listeners() const {
  const std::lock_guard lock(mutex_);
  std::size_t open = 0;
  for (const auto& stream : listening_) open += stream.open() ? 1 : 0;
  return open;
}

bool HttpServerFixture::knows_session(const HttpRequest& request) const {
  const std::lock_guard lock(mutex_);
  return !with_sessions || (!session_.empty() && request.header("Mcp-Session-Id") == session_);
}

void HttpServerFixture::take_post(HttpRequest request, Responder responder) {
  const json message = json::parse(request.body);
  const std::string method = message.value("method", std::string("answer"));
  add(method);
  {
    const std::lock_guard lock(mutex_);
    headers_["mcp-protocol-version"] = request.header("MCP-Protocol-Version");
    headers_["accept"] = request.header("Accept");
    headers_["x-test"] = request.header("X-Test");
    for (const char* name : {"mcp-method", "mcp-name", "mcp-param-region", "mcp-session-id"})
      headers_[name] = request.header(name);
  }
  if (method == "server/discover" && silent_discovery) {
    const std::lock_guard lock(mutex_);
    unanswered_.push_back(std::move(responder));
    return;
  }
  if (stateless) return take_stateless(message, request, std::move(responder));
  if (method == "initialize") return initialize(message.at("id"), std::move(responder));
  if (!knows_session(request)) return responder.respond(HttpResponse::text(404, "no such session"));
  if (method == "answer") {
    responder.respond(HttpResponse::text(202, ""));
    const std::lock_guard lock(mutex_);
    const json text = json::array({{{"type", "text"}, {"text", message.dump()}}});
    asking_->send(net::format_event(
        json{{"jsonrpc", "2.0"}, {"id", asking_id_}, {"result", {{"content", text}}}}.dump()));
    asking_.reset();
    return;
  }
  if (!message.contains("id")) return responder.respond(HttpResponse::text(202, ""));
  if (method == "tools/call") return call(message, std::move(responder));
  json tools = json::array(
      {{{"name", "echo"}}, {{"name", "slow"}}, {{"name", "ask"}}, {{"name", "cut"}}, {{"name", "resume"}}});
  if (extra_tool) tools.push_back({{"name", "added"}});
  answer(message.at("id"), {{"tools", tools}}, std::move(responder));
}

void HttpServerFixture::take_stateless(const json& message, const HttpRequest& request, Responder responder) {
  const auto refuse = [&](int code, const char* why) {
    responder.respond(HttpResponse::json(400, json{{"jsonrpc", "2.0"},
                                                   {"id", message.value("id", json())},
                                                   {"error", {{"code", code}, {"message", why}}}}
                                                  .dump()));
  };
  const json params = message.value("params", json::object());
  const json meta = params.value("_meta", json::object());
  const std::string method = message.at("method");
  if (meta.value("io.modelcontextprotocol/protocolVersion", std::string()) != "2026-07-28" ||
      request.header("MCP-Protocol-Version") != "2026-07-28" || request.header("Mcp-Method") != method)
    return refuse(-32020, "the headers do not say what the body says");
  if (method == "server/discover")
    return answer(message.at("id"),
                  {{"supportedVersions", {"2026-07-28"}},
                   {"capabilities", {{"tools", {{"listChanged", true}}}}},
                   {"serverInfo", {{"name", "http-fixture"}}}},
                  std::move(responder));
  if (method == "subscriptions/listen") {
    const std::lock_guard lock(mutex_);
    listening_.push_back(responder.start_stream());
    listening_.back().send(net::format_event(
        R"({"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"toolsListChanged":true}}})"));
    return;
  }
  if (method == "tools/call") {
    if (params.at("name") == "region" && request.header("Mcp-Param-Region").empty())
      return refuse(-32020, "Mcp-Param-Region is missing");
    return call(message, std::move(responder));
  }
  json region{{"type", "string"}};
  if (marks_region) region["x-mcp-header"] = "Region";
  json tools = json::array({{{"name", "echo"}}, {{"name", "slow"}}, {{"name", "cut"}}});
  tools.push_back({{"name", "region"}, {"inputSchema", {{"properties", {{"region", region}}}}}});
  tools.push_back(
      {{"name", "spoilt"}, {"inputSchema", {{"properties", {{"a", {{"x-mcp-header", "no name"}}}}}}}});
  if (extra_tool) tools.push_back({{"name", "added"}});
  answer(message.at("id"), {{"tools", tools}, {"ttlMs", 0}}, std::move(responder));
}

void HttpServerFixture::initialize(const json& id, Responder responder) {
  if (const int status = status_for_initialize; status != 0)
    return responder.respond(HttpResponse::text(status, "go away"));
  HttpResponse response = HttpResponse::json(200, json{{"jsonrpc", "2.0"},
                                                       {"id", id},
                                                       {"result",
                                                        {{"protocolVersion", "2025-06-18"},
                                                         {"capabilities", {{"tools", json::object()}}},
                                                         {"serverInfo", {{"name", "http-fixture"}}}}}}
                                                      .dump());
  const std::lock_guard lock(mutex_);
  session_ = "session-" + std::to_string(++sessions_made_);
  if (with_sessions) response.headers.add("Mcp-Session-Id", session_);
  responder.respond(std::move(response));
}

void HttpServerFixture::call(const json& message, Responder responder) {
  const json& params = message.at("params");
  const std::string tool = params.at("name");
  if (const int status = status_for_calls; status != 0) {
    HttpResponse response = HttpResponse::text(status, "not now");
    response.headers.add("Retry-After", "7");
    return responder.respond(std::move(response));
  }
  if (tool == "slow") {
    const std::lock_guard lock(mutex_);
    unanswered_.push_back(std::move(responder));
    return;
  }
  if (tool == "cut") {
    auto stream = responder.start_stream();
    stream.send(": nothing follows\n\n");
    return stream.close();
  }
  if (tool == "resume") {
    {
      const std::lock_guard lock(mutex_);
      to_resume_ = message.at("id");
    }
    auto stream = responder.start_stream();
    stream.send("id: e1\nretry: 40\ndata: \n\n");
    return stream.close();
  }
  if (tool == "ask") {
    auto stream = responder.start_stream();
    stream.send(net::format_event(json{{"jsonrpc", "2.0"}, {"id", 77}, {"method", "roots/list"}}.dump()));
    const std::lock_guard lock(mutex_);
    asking_ = std::make_unique<net::EventStream>(std::move(stream));
    asking_id_ = message.at("id");
    return;
  }
  const json text = params.at("arguments").value("text", json(""));
  answer(message.at("id"), {{"content", {{{"type", "text"}, {"text", text}}}}}, std::move(responder));
}

void HttpServerFixture::answer(const json& id, json result, Responder responder) {
  const std::string text = json{{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}}.dump();
  if (!answers_by_stream) return responder.respond(HttpResponse::json(200, text));
  auto stream = responder.start_stream();
  stream.send(
      net::format_event(R"({"jsonrpc":"2.0","method":"notifications/message","params":{"data":"before"}})"));
  stream.send(net::format_event(text, "message", "id-1"));
  stream.close();
}

void HttpServerFixture::take_get(const HttpRequest& request, Responder responder) {
  const std::string last(request.header("Last-Event-ID"));
  add(last.empty() ? "GET" : "GET after " + last);
  if (!last.empty() && !resumes) return responder.respond(HttpResponse::text(405, "no going on"));
  if (!offers_listening) return responder.respond(HttpResponse::text(405, "POST only"));
  if (!knows_session(request)) return responder.respond(HttpResponse::text(404, "no such session"));
  auto stream = responder.start_stream();
  const std::lock_guard lock(mutex_);
  if (!last.empty()) {
    const json text = json::array({{{"type", "text"}, {"text", "in the end"}}});
    stream.send(net::format_event(
        json{{"jsonrpc", "2.0"}, {"id", to_resume_}, {"result", {{"content", text}}}}.dump(), "message",
        "e2"));
  }
  listening_.push_back(std::move(stream));  // and stays open
}

void HttpServerFixture::take_delete(const HttpRequest& request, Responder responder) {
  add("DELETE " + std::string(request.header("Mcp-Session-Id")));
  responder.respond(HttpResponse::text(200, ""));
}

}  // namespace geminga::mcp
