#include "mcp/upstreams.hpp"

#include <system_error>
#include <utility>

#include "base/event_loop.hpp"
#include "mcp/http_transport.hpp"
#include "mcp/invoke_upstream.hpp"
#include "mcp/oauth/authorizer.hpp"
#include "mcp/session.hpp"
#include "mcp/stdio_transport.hpp"
#include "net/blocking_pool.hpp"
#include "net/http_client.hpp"
#include "net/http_path.hpp"

namespace geminga::mcp {
namespace {

// Of one server; empty where there is no folder for it.
std::filesystem::path file_in(const std::filesystem::path& folder, const ServerConfig& config) {
  return folder.empty() ? folder : folder / (net::percent_encode(config.name) + ".json");
}

}  // namespace

Upstreams::Upstreams(base::EventLoop& loop, net::HttpClient& client, const RegistryOptions& options)
    : loop_(loop), client_(client), options_(options) {}
Upstreams::~Upstreams() = default;

std::shared_ptr<oauth::Authorizer> Upstreams::authorizer(const ServerConfig& config,
                                                         std::function<void()> on_authorized) {
  const auto* http = std::get_if<HttpEndpoint>(&config.endpoint);
  if (http == nullptr || !http->oauth.enabled) return nullptr;
  return std::make_shared<oauth::Authorizer>(
      config.name, http->url, http->oauth,
      oauth::Authorizer::Surroundings{
          .loop = &loop_,
          .client = &client_,
          .token_file = file_in(options_.token_folder, config),
          .write_later = [this](std::function<void()> write) { write_later(std::move(write)); },
          .on_authorized = std::move(on_authorized)});
}

std::unique_ptr<Upstream> Upstreams::connect(const ServerConfig& config,
                                             const std::shared_ptr<oauth::Authorizer>& authorizer,
                                             const std::shared_ptr<Era>& era) {
  const ServerSettings& settings = config.settings;
  const auto* http = std::get_if<HttpEndpoint>(&config.endpoint);
  if (http != nullptr && settings.protocol == Protocol::invoke)
    return make_invoke_upstream(client_, config.name, *http, settings);
  auto transport =
      http != nullptr
          ? make_http_transport(loop_, client_, config.name, *http, settings.max_message_bytes, authorizer)
          : make_stdio_transport(loop_, config.name, std::get<StdioEndpoint>(config.endpoint),
                                 {options_.reaper_program, options_.reaper_arguments},
                                 settings.max_message_bytes);
  return std::make_unique<Session>(config.name, std::move(transport), loop_,
                                   SessionOptions{.list_timeout = settings.start_timeout,
                                                  .elicitation = settings.elicitation,
                                                  .refresh_min = options_.list_refresh_min},
                                   era);
}

std::filesystem::path Upstreams::pins_file(const ServerConfig& config) const {
  return file_in(options_.tools_folder, config);
}

void Upstreams::write_later(std::function<void()> write) {
  try {
    if (writer_ == nullptr) writer_ = std::make_unique<net::BlockingPool>("mcp-files", 1);
  } catch (const std::system_error&) {  // no thread can be started, so the loop waits
    return write();
  }
  writer_->post(std::move(write));
}

void Upstreams::finish_writing() {
  writer_.reset();
}

}  // namespace geminga::mcp
