#include "mcp/oauth/authorizer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/event_loop.hpp"
#include "base/log.hpp"
#include "base/secret_file.hpp"
#include "base/try.hpp"
#include "mcp/oauth/crypto.hpp"
#include "net/http_url.hpp"

namespace geminga::mcp::oauth {
namespace {

constexpr std::int64_t kRenewBefore = 30;  // seconds before a token ends
constexpr std::int64_t kRefreshedJustNow = 10;
constexpr std::string_view kOffline = "offline_access";

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<std::string> read_file(const std::filesystem::path& file) {
  auto key = base::read_secret_file(file);
  if (!key) return std::unexpected(key.error().with("oauth.privateKeyFile in mcp.json"));
  return key;
}

}  // namespace

Authorizer::Authorizer(std::string server, std::string url, Settings settings, Surroundings surroundings)
    : server_(std::move(server)),
      url_(std::move(url)),
      settings_(std::move(settings)),
      surroundings_(std::move(surroundings)),
      store_(surroundings_.token_file) {
  if (auto kept = store_.load(url_)) held_ = *std::move(kept);
}

std::string Authorizer::authorization() const {
  return held_.tokens.access.empty() ? "" : "Bearer " + held_.tokens.access;
}

bool Authorizer::stale() const {
  return held_.tokens.expires_at != 0 && now() + kRenewBefore > held_.tokens.expires_at &&
         (!held_.tokens.refresh.empty() || settings_.grant == Grant::client_credentials);
}

// --- one flow
// -----------------------------------------------------------------------------------------------------

void Authorizer::refused(Refusal refusal, std::function<void(Result<>)> then) {
  waiting_.push_back([loop = surroundings_.loop, then = std::move(then)](const Result<>& result) {
    loop->post([then, result] { then(result); });
  });
  if (busy_) return;
  if (closed_) return end(fail(ErrorCode::closed, fmt::format("server '{}' is being stopped", server_)));
  if (!held_.tokens.access.empty() && refusal.used != authorization()) return end({});  // renewed meanwhile
  begin(refusal);
}

void Authorizer::begin(const Refusal& refusal) {
  const bool wants_more = refusal.status == 403;
  if (wants_more && covers(held_.tokens.scope, refusal.challenge.scope)) {
    return end(
        fail(ErrorCode::forbidden,
             fmt::format("server '{}' refuses a token that was asked for with the scope it wants, '{}'",
                         server_, refusal.challenge.scope)));
  }
  if (!invitation_url_.empty() && covers(invitation_.scope, refusal.challenge.scope)) return end_invited();
  busy_ = true;
  challenge_ = refusal.challenge;
  scope_ = join_scopes(held_.tokens.scope, challenge_.scope);
  const bool in_vain =
      now() - refreshed_at_ < kRefreshedJustNow;  // it is not age: perhaps the issuer changed
  if (!wants_more && !in_vain && !held_.tokens.refresh.empty()) return refresh();
  look_up();
}

void Authorizer::look_up() {
  discover(*surroundings_.client, url_, challenge_.resource_metadata, settings_.private_network,
           [self = shared_from_this()](Result<Discovered> found) { self->with_server(std::move(found)); });
}

// To where others have named.
void Authorizer::send(net::ClientRequest request, void (Authorizer::*take)(Result<net::ClientResponse>)) {
  keep_in_reach(request, url_, settings_.private_network);
  surroundings_.client->send(std::move(request),
                             [self = shared_from_this(), take](Result<net::ClientResponse> response) {
                               if (self->closed_) return;
                               if (!response) response = std::unexpected(with_remedy(response.error()));
                               ((*self).*take)(std::move(response));
                             });
}

void Authorizer::with_server(Result<Discovered> found) {
  if (closed_) return;
  if (!found) return end(std::unexpected(found.error()));
  held_.resource = std::move(found->resource);
  if (held_.server.issuer != found->server.issuer) held_.client = {};  // known to another one
  held_.server = std::move(found->server);
  // What the configuration says, what the challenge says, else what the resource suggests.
  scope_ = join_scopes(settings_.scope, scope_);
  if (scope_.empty()) scope_ = fmt::format("{}", fmt::join(found->scopes, " "));
  find_client();
}

// Ends a flow that no person is needed for, or begins to wait for one; whoever was refused hears of it.
void Authorizer::end(const Result<>& result) {
  busy_ = false;
  for (auto& then : std::exchange(waiting_, {})) then(result);
}

void Authorizer::close() {
  closed_ = true;
  stop_inviting();
  end(fail(ErrorCode::closed, fmt::format("server '{}' is being stopped", server_)));
}

// --- who we are
// ---------------------------------------------------------------------------------------------------

Result<Client> Authorizer::configured_client() {
  Client client{.id = settings_.client_id, .secret = settings_.client_secret};
  if (client.id.empty() && held_.server.takes_client_documents) client.id = settings_.client_metadata_url;
  if (!settings_.private_key_file.empty()) {
    GEMINGA_TRY(client.private_key_pem, read_file(settings_.private_key_file));
  }
  return client;
}

void Authorizer::find_client() {
  auto client = configured_client();
  if (!client) return end(std::unexpected(client.error()));
  if (settings_.grant == Grant::client_credentials) {
    held_.client = *std::move(client);
    return send_token_request(client_credentials_form(scope_, held_.resource), &Authorizer::take_tokens);
  }
  if (auto listening = listen(); !listening) return end(std::unexpected(listening.error()));
  if (!client->id.empty()) {
    held_.client = *std::move(client);
    return invite();
  }
  if (!held_.client.id.empty() && held_.client.redirect_uri == listener_->uri()) return invite();
  if (held_.server.registration_endpoint.empty()) {
    stop_inviting();
    return end(
        fail(ErrorCode::unauthorized,
             fmt::format("the authorization server {} registers nobody; register Geminga there and write "
                         "oauth.clientId of server '{}' into mcp.json",
                         held_.server.issuer, server_)));
  }
  send(registration_request(held_.server, listener_->uri()), &Authorizer::take_registration);
}

void Authorizer::take_registration(Result<net::ClientResponse> response) {
  auto client = response ? read_registration(response->status, response->body, listener_->uri())
                         : std::unexpected(response.error());
  if (!client) {
    stop_inviting();
    return end(std::unexpected(client.error()));
  }
  held_.client = *std::move(client);
  invite();
}

// --- a person
// -----------------------------------------------------------------------------------------------------

Result<> Authorizer::listen() {
  if (listener_ != nullptr) return {};
  const auto take = [this](const Redirect& redirect) { return take_redirect(redirect); };
  std::uint16_t port = settings_.redirect_port;
  if (port == 0 && !held_.client.redirect_uri.empty()) {  // where we are registered, if it is free
    const std::string& uri = held_.client.redirect_uri;
    port = static_cast<std::uint16_t>(std::strtoul(uri.c_str() + uri.rfind(':') + 1, nullptr, 10));
    auto again = RedirectListener::open(*surroundings_.loop, port, take);
    if (again) {
      listener_ = *std::move(again);
      return {};
    }
    port = 0;
  }
  GEMINGA_TRY(listener_, RedirectListener::open(*surroundings_.loop, port, take));
  return {};
}

void Authorizer::invite() {
  const auto& offered = held_.server.scopes;
  const bool offline = std::ranges::find(offered, kOffline) != offered.end();
  invitation_ = {.redirect_uri = listener_->uri(),
                 .state = random_text(),
                 .verifier = random_text(),
                 .scope = offline ? join_scopes(scope_, kOffline) : scope_};
  invitation_url_ = authorization_url(held_.server, held_.client, invitation_, held_.resource);
  log::warn("mcp", "server '{}' needs a person: open {}", server_, invitation_url_);
  end_invited();
}

void Authorizer::end_invited() {
  end(fail(ErrorCode::unauthorized, fmt::format("it needs a person who agrees: open {}", invitation_url_)));
}

std::string Authorizer::take_redirect(const Redirect& redirect) {
  if (closed_ || busy_ || invitation_url_.empty() || redirect.state != invitation_.state)
    return "This is not the answer that Geminga waits for.";
  if (held_.server.names_issuer ? redirect.issuer != held_.server.issuer
                                : !redirect.issuer.empty() && redirect.issuer != held_.server.issuer) {
    log::warn("mcp", "server '{}': a redirect came from '{}' and was not taken", server_, redirect.issuer);
    return "This answer comes from another authorization server; it was not taken.";
  }
  if (redirect.code.empty()) {
    log::warn("mcp", "server '{}' was not authorized: {}", server_, redirect.error);
    return fmt::format("Not authorized: {}. The address can be opened again.", redirect.error);
  }
  busy_ = true;
  scope_ = invitation_.scope;
  send_token_request(code_form(redirect.code, invitation_, held_.resource), &Authorizer::take_tokens);
  return fmt::format("Geminga may use '{}' now. This window can be closed.", server_);
}

void Authorizer::stop_inviting() {
  invitation_url_.clear();
  listener_.reset();
}

// --- tokens
// -------------------------------------------------------------------------------------------------------

void Authorizer::send_token_request(Form form, void (Authorizer::*take)(Result<net::ClientResponse>)) {
  auto request = token_request(held_.server, held_.client, std::move(form));
  if (!request) return end(std::unexpected(request.error()));
  send(*std::move(request), take);
}

void Authorizer::refresh() {
  auto configured = configured_client();
  if (!configured) return end(std::unexpected(configured.error()));
  if (!configured->id.empty() && configured->id == held_.client.id) held_.client = *std::move(configured);
  scope_ = held_.tokens.scope;
  send_token_request(refresh_form(held_.tokens, held_.resource), &Authorizer::take_refreshed);
}

void Authorizer::take_refreshed(Result<net::ClientResponse> response) {
  if (!response) return end(std::unexpected(response.error()));
  auto tokens = read_tokens(response->status, response->body, now());
  if (tokens) {
    if (tokens->refresh.empty()) tokens->refresh = held_.tokens.refresh;
    refreshed_at_ = now();
    return keep(*std::move(tokens));
  }
  log::info("mcp", "server '{}': its token cannot be renewed: {}", server_, tokens.error().message);
  held_.tokens = {};
  look_up();
}

void Authorizer::take_tokens(Result<net::ClientResponse> response) {
  auto tokens = response ? read_tokens(response->status, response->body, now())
                         : Result<Tokens>(std::unexpected(response.error()));
  stop_inviting();  // a code serves once
  if (!tokens) {
    log::warn("mcp", "server '{}' is not authorized: {}", server_, tokens.error().message);
    return end(std::unexpected(tokens.error()));
  }
  keep(*std::move(tokens));
  if (settings_.grant == Grant::authorization_code) surroundings_.on_authorized();
}

void Authorizer::keep(Tokens tokens) {
  // What was asked for counts, so that nobody asks for the same twice.
  tokens.scope = join_scopes(tokens.scope, scope_);
  held_.tokens = std::move(tokens);
  held_.server_url = url_;
  log::info("mcp", "server '{}' has a token", server_);
  const bool with_secret = held_.client.secret != settings_.client_secret;
  surroundings_.write_later([store = store_, held = held_, with_secret, server = server_] {
    if (auto saved = store.save(held, with_secret); !saved)
      log::warn("mcp", "the token of server '{}' is lost when this process ends: {}", server,
                saved.error().message);
  });
  end({});
}

}  // namespace geminga::mcp::oauth
