#include "mcp/oauth/oauth_fixture.hpp"

#include <utility>

#include "mcp/oauth/metadata.hpp"
#include "net/http_path.hpp"

namespace geminga::mcp::oauth {

using net::HttpRequest;
using net::HttpResponse;
using net::Responder;
using nlohmann::json;

OAuthFixture::OAuthFixture() {
  net::Router router;
  router.get("/.well-known/oauth-protected-resource/mcp", [this](const HttpRequest&, Responder responder) {
    json metadata{{"resource", url()}, {"authorization_servers", {origin()}}};
    metadata.merge_patch(resource_changes);
    responder.respond(HttpResponse::json(200, metadata.dump()));
  });
  router.get("/.well-known/oauth-authorization-server", [this](const HttpRequest&, Responder responder) {
    json metadata{{"issuer", origin()},
                  {"authorization_endpoint", origin() + "/authorize"},
                  {"token_endpoint", origin() + "/token"},
                  {"registration_endpoint", origin() + "/register"},
                  {"code_challenge_methods_supported", {"S256"}},
                  {"token_endpoint_auth_methods_supported", {"none", "client_secret_basic"}}};
    metadata.merge_patch(server_changes);
    responder.respond(HttpResponse::json(200, metadata.dump()));
  });
  router.post("/register", [this](const HttpRequest&, Responder responder) {
    add("/register");
    responder.respond(HttpResponse::json(201, R"({"client_id":"registered"})"));
  });
  router.get("/authorize", [this](const HttpRequest& request, Responder responder) {
    authorize(request, std::move(responder));
  });
  router.add({.method = "POST",
              .pattern = "/token",
              .handler = [this](const HttpRequest& request,
                                Responder responder) { token(request, std::move(responder)); },
              .content_types = {"application/x-www-form-urlencoded"}});
  router.post("/mcp", [this](const HttpRequest& request, Responder responder) {
    mcp(request, std::move(responder));
  });
  server_ = *net::HttpServer::listen({.thread_name = "oauth-fixture"}, std::move(router));
}

OAuthFixture::~OAuthFixture() {
  {
    const std::lock_guard lock(mutex_);
    unanswered_.clear();
  }
  server_->stop(std::chrono::milliseconds{100});
}

void OAuthFixture::add(const std::string& what) {
  const std::lock_guard lock(mutex_);
  ++counts_[what];
}

int OAuthFixture::count(const std::string& what) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(what);
  return found == counts_.end() ? 0 : found->second;
}

std::map<std::string, std::string> OAuthFixture::last_form() const {
  const std::lock_guard lock(mutex_);
  return form_;
}

void OAuthFixture::revoke() {
  const std::lock_guard lock(mutex_);
  tokens_.clear();
}

void OAuthFixture::authorize(const HttpRequest& request, Responder responder) {
  add("/authorize");
  {
    const std::lock_guard lock(mutex_);
    granted_ = request.query_value("scope").value_or("");
  }
  HttpResponse response{.status = 302};
  response.headers.add(
      "Location", std::string(request.query_value("redirect_uri").value_or("")) + "?code=the-code&state=" +
                      std::string(request.query_value("state").value_or("")) + redirect_changes);
  responder.respond(std::move(response));
}

void OAuthFixture::token(const HttpRequest& request, Responder responder) {
  {
    const std::lock_guard lock(mutex_);
    if (silent_token) return static_cast<void>(unanswered_.emplace_back(request, std::move(responder)));
  }
  give_token(request, std::move(responder));
}

void OAuthFixture::speak_again() {
  std::vector<std::pair<HttpRequest, Responder>> waiting;
  {
    const std::lock_guard lock(mutex_);
    silent_token = false;
    waiting.swap(unanswered_);
  }
  for (auto& [request, responder] : waiting) give_token(request, std::move(responder));
}

void OAuthFixture::give_token(const HttpRequest& request, Responder responder) {
  const auto target = net::parse_target("/?" + request.body);
  const std::lock_guard lock(mutex_);
  form_ = {target->query.begin(), target->query.end()};
  const std::string grant = form_["grant_type"];
  ++counts_[grant];
  if (grant == "refresh_token" && !refreshes)
    return responder.respond(HttpResponse::json(400, R"({"error":"invalid_grant"})"));
  if (grant == "client_credentials") granted_ = form_["scope"];
  const std::string token = "token-" + std::to_string(++tokens_made_);
  tokens_[token] = covers(granted_, "never") ? "basic" : granted_;
  json answer{{"access_token", token}, {"token_type", "Bearer"}, {"expires_in", expires_in}};
  if (grant != "client_credentials") answer["refresh_token"] = "refresh-" + token;
  responder.respond(HttpResponse::json(200, answer.dump()));
}

void OAuthFixture::mcp(const HttpRequest& request, Responder responder) {
  const json message = json::parse(request.body);
  const std::string method = message.at("method");
  std::string wanted = "basic";
  if (method == "tools/call" && message["params"]["name"] == "grand") wanted = "basic more";
  if (method == "tools/call" && message["params"]["name"] == "locked") wanted = "never";

  const std::string header(request.header("Authorization"));
  std::unique_lock lock(mutex_);
  const auto found = tokens_.find(header.starts_with("Bearer ") ? header.substr(7) : "");
  const int status = found == tokens_.end() ? 401 : covers(found->second, wanted) ? 200 : 403;
  ++counts_["/mcp " + std::to_string(status)];
  lock.unlock();
  if (status != 200) {
    HttpResponse refusal = HttpResponse::text(status, "no");
    refusal.headers.add("WWW-Authenticate", std::string("Bearer error=\"") +
                                                (status == 403 ? "insufficient_scope" : "invalid_token") +
                                                "\", scope=\"" + (status == 403 ? wanted : "basic") + "\"");
    return responder.respond(std::move(refusal));
  }
  if (!message.contains("id")) return responder.respond(HttpResponse::text(202, ""));
  json result{{"content", {{{"type", "text"}, {"text", "done"}}}}};
  if (method == "initialize")
    result = {{"protocolVersion", "2025-11-25"}, {"capabilities", {{"tools", json::object()}}}};
  if (method == "tools/list")
    result = {{"tools", {{{"name", "plain"}}, {{"name", "grand"}}, {{"name", "locked"}}}}};
  responder.respond(
      HttpResponse::json(200, json{{"jsonrpc", "2.0"}, {"id", message["id"]}, {"result", result}}.dump()));
}

}  // namespace geminga::mcp::oauth
