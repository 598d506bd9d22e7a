#include "mcp/oauth/discovery.hpp"

#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "net/http_client.hpp"
#include "net/http_url.hpp"

namespace geminga::mcp::oauth {
namespace {

constexpr std::chrono::seconds kTimeout{5};
constexpr std::size_t kDocumentMax = 256 * 1024;

// Asks one address after the other.
class Discovery : public std::enable_shared_from_this<Discovery> {
 public:
  Discovery(net::HttpClient& client, std::string url, bool private_network,
            std::function<void(Result<Discovered>)> done)
      : client_(client), url_(std::move(url)), private_network_(private_network), done_(std::move(done)) {}

  void begin(const std::string& named) {
    if (!named.empty()) {
      if (auto trusted = check_endpoint(named, url_); !trusted)
        return done_(std::unexpected(trusted.error()));
    }
    fetch(resource_metadata_urls(url_, named), 0, &Discovery::take_resource, &Discovery::resource_unknown);
  }

 private:
  // Errors: parse_error where the next address may have it.
  using Take = Result<> (Discovery::*)(const std::string& body);
  using Missing = void (Discovery::*)();

  void fetch(std::vector<std::string> urls, std::size_t at, Take take, Missing missing) {
    if (at == urls.size()) return (this->*missing)();
    net::ClientRequest request{.url = urls[at],
                               .headers = {{"Accept", "application/json"}},
                               .connect_timeout = kTimeout,
                               .timeout = kTimeout,
                               .max_response_bytes = kDocumentMax};
    keep_in_reach(request, url_, private_network_);
    client_.send(std::move(request), [self = shared_from_this(), urls = std::move(urls), at, take,
                                      missing](Result<net::ClientResponse> response) mutable {
      if (!response) return self->done_(fail(ErrorCode::unavailable, with_remedy(response.error()).message));
      if (response->status == 200) {
        const Result<> taken = ((*self).*take)(response->body);
        if (taken) return;
        if (taken.error().code != ErrorCode::parse_error) return self->done_(std::unexpected(taken.error()));
      }
      self->fetch(std::move(urls), at + 1, take, missing);
    });
  }

  Result<> take_resource(const std::string& body) {
    auto resource = read_resource_metadata(body, url_);
    if (!resource) return std::unexpected(resource.error());
    found_.resource = std::move(resource->resource);
    found_.scopes = std::move(resource->scopes);
    issuer_ = std::move(resource->issuer);
    fetch(server_metadata_urls(issuer_), 0, &Discovery::take_server, &Discovery::server_unknown);
    return {};
  }

  void resource_unknown() {
    found_.resource = url_.substr(0, url_.find('#'));
    issuer_ = net::url_parts(url_).origin;
    is_guess_ = true;
    if (auto trusted = check_endpoint(issuer_, url_); !trusted)
      return done_(std::unexpected(trusted.error()));
    fetch(server_metadata_urls(issuer_), 0, &Discovery::take_server, &Discovery::server_unknown);
  }

  Result<> take_server(const std::string& body) {
    auto server = read_server_metadata(body, issuer_, is_guess_);
    if (!server) return std::unexpected(server.error());
    found_.server = *std::move(server);
    done_(std::move(found_));
    return {};
  }

  void server_unknown() {
    if (!is_guess_) {
      return done_(
          fail(ErrorCode::unavailable,
               fmt::format("the authorization server {} publishes no metadata", net::loggable_url(issuer_))));
    }
    found_.server = default_endpoints(issuer_);
    done_(std::move(found_));
  }

  net::HttpClient& client_;
  const std::string url_;
  const bool private_network_;
  const std::function<void(Result<Discovered>)> done_;
  std::string issuer_;
  bool is_guess_ = false;  // the MCP server has not said who its authorization server is
  Discovered found_;
};

}  // namespace

Error with_remedy(Error error) {
  if (error.code == ErrorCode::forbidden)
    error.message += "; \"privateNetwork\": true in 'oauth' of this server in mcp.json allows it";
  return error;
}

void keep_in_reach(net::ClientRequest& request, const std::string& url, bool private_network) {
  request.public_only = !private_network && net::url_parts(request.url).origin != net::url_parts(url).origin;
  const net::AddressKind home = net::kind_of_url(url);
  // What is told to one machine by its link is nobody else's business, whatever the server's address.
  request.or_kind = home == net::AddressKind::special ? net::AddressKind::everybody : home;
}

void discover(net::HttpClient& client, const std::string& url, const std::string& named, bool private_network,
              std::function<void(Result<Discovered>)> done) {
  std::make_shared<Discovery>(client, url, private_network, std::move(done))->begin(named);
}

}  // namespace geminga::mcp::oauth
