#include "mcp/server_config.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/try.hpp"
#include "mcp/expand.hpp"
#include "net/http_message.hpp"

namespace geminga::mcp {
namespace {

using nlohmann::json;

const char* process_environment(const char* name) {
  return std::getenv(name);
}

// Reads one entry of "mcpServers"; every error says in which file and under which name.
class EntryReader {
 public:
  EntryReader(std::string_view source, std::string_view name, const json& entry, Environment environment)
      : where_(fmt::format("{}: server '{}'", source, name)), entry_(entry), environment_(environment) {}

  Result<ServerConfig> read(std::string_view name, const ServerSettings& settings) {
    ServerConfig config{.name = std::string(name), .settings = settings};
    GEMINGA_TRY(config.description, text("description"));
    GEMINGA_TRY(const std::string type, text("type"));
    const bool has_command = entry_.contains("command");
    if (has_command == entry_.contains("url"))
      return bad("must have either 'command' (a program) or 'url' (a Streamable HTTP server)");
    GEMINGA_TRY_VOID(check_type(type, has_command));
    if (has_command) {
      if (settings.protocol == Protocol::invoke)
        return bad("has protocol = \"invoke\" in geminga.toml, which needs 'url' instead of 'command'");
      GEMINGA_TRY(config.endpoint, stdio());
    } else {
      GEMINGA_TRY(HttpEndpoint endpoint, http());
      if (settings.protocol == Protocol::invoke) {
        if (entry_.contains("oauth")) return bad("has 'oauth', which goes only with protocol = \"mcp\"");
        endpoint.oauth.enabled = false;
      }
      config.endpoint = std::move(endpoint);
    }
    return config;
  }

  [[nodiscard]] std::vector<std::string> unknown_keys() const {
    constexpr std::array<std::string_view, 10> kKnown{"command", "args",  "env",  "cwd",      "url",
                                                      "headers", "oauth", "type", "disabled", "description"};
    std::vector<std::string> warnings;
    for (const auto& [key, value] : entry_.items()) {
      if (std::ranges::find(kKnown, key) == kKnown.end())
        warnings.push_back(fmt::format("{}: key '{}' is not known and has no effect", where_, key));
    }
    return warnings;
  }

  Result<bool> disabled() const {
    const auto found = entry_.find("disabled");
    if (found == entry_.end()) return false;
    if (!found->is_boolean()) return bad("'disabled' must be true or false");
    return found->get<bool>();
  }

 private:
  [[nodiscard]] std::unexpected<Error> bad(std::string_view what) const {
    return fail(ErrorCode::config_error, fmt::format("{} {}", where_, what));
  }

  [[nodiscard]] Result<std::string> expand(std::string_view key, const json& value) const {
    if (!value.is_string()) return bad(fmt::format("'{}' must be text in double quotes", key));
    auto expanded = expand_variables(value.get_ref<const std::string&>(), environment_);
    if (!expanded) return bad(fmt::format("'{}': {}", key, expanded.error().message));
    if (expanded->find('\0') != std::string::npos)
      return bad(fmt::format("'{}' must not hold a zero byte", key));
    return expanded;
  }

  [[nodiscard]] Result<std::string> text(const char* key) const {
    const auto found = entry_.find(key);
    return found == entry_.end() ? Result<std::string>() : expand(key, *found);
  }

  [[nodiscard]] Result<std::map<std::string, std::string>> text_map(const char* key) const {
    std::map<std::string, std::string> map;
    const auto found = entry_.find(key);
    if (found == entry_.end()) return map;
    if (!found->is_object())
      return bad(fmt::format(R"('{}' must be an object, like {{"NAME": "value"}})", key));
    for (const auto& [name, value] : found->items()) {
      GEMINGA_TRY(map[name], expand(fmt::format("{}.{}", key, name), value));
    }
    return map;
  }

  [[nodiscard]] Result<> check_type(std::string_view type, bool has_command) const {
    const bool is_http = type == "http" || type == "streamable-http" || type == "streamableHttp";
    if (type == "sse") {
      return bad(
          "has type 'sse', the transport that MCP replaced in 2025; give the server's Streamable HTTP URL "
          "with "
          "type 'http'");
    }
    if (!type.empty() && type != "stdio" && !is_http)
      return bad(fmt::format("has type '{}'; use 'stdio' or 'http', or leave it out", type));
    if ((type == "stdio" && !has_command) || (is_http && has_command))
      return bad(
          fmt::format("has type '{}', which does not go with '{}'", type, has_command ? "command" : "url"));
    return {};
  }

  [[nodiscard]] Result<StdioEndpoint> stdio() const {
    StdioEndpoint endpoint;
    GEMINGA_TRY(endpoint.command, text("command"));
    if (endpoint.command.empty()) return bad("has an empty 'command'; name the program to start");
    if (const auto args = entry_.find("args"); args != entry_.end()) {
      if (!args->is_array()) return bad(R"('args' must be a list, like ["-y", "package"])");
      for (std::size_t i = 0; i < args->size(); ++i) {
        GEMINGA_TRY(std::string arg, expand(fmt::format("args[{}]", i), args->at(i)));
        endpoint.args.push_back(std::move(arg));
      }
    }
    GEMINGA_TRY(endpoint.env, text_map("env"));
    for (const auto& [name, value] : endpoint.env) {
      if (name.empty() || name.find('=') != std::string::npos)
        return bad(fmt::format("'env' has the name '{}', which no variable can have", name));
    }
    GEMINGA_TRY(const std::string cwd, text("cwd"));
    endpoint.cwd = cwd;
    return endpoint;
  }

  [[nodiscard]] Result<HttpEndpoint> http() const {
    HttpEndpoint endpoint;
    GEMINGA_TRY(endpoint.url, text("url"));
    if (!endpoint.url.starts_with("http://") && !endpoint.url.starts_with("https://"))
      return bad("has a 'url' that starts with neither http:// nor https://");
    GEMINGA_TRY(endpoint.headers, text_map("headers"));
    for (const auto& [name, value] : endpoint.headers) {
      if (name.empty() || (name + value).find_first_of("\r\n") != std::string::npos ||
          name.find(':') != std::string::npos)
        return bad(fmt::format("'headers.{}' is no HTTP header", name));
    }
    const auto is_authorization = [](const auto& header) {
      return net::equal_ignoring_case(header.first, "Authorization");
    };
    if (const auto found = entry_.find("oauth"); found != entry_.end()) {
      GEMINGA_TRY(endpoint.oauth, oauth(*found));
      if (endpoint.oauth.enabled && std::ranges::any_of(endpoint.headers, is_authorization))
        return bad("has both 'oauth' and 'headers.Authorization'; leave one of them out");
    } else {
      endpoint.oauth.enabled = std::ranges::none_of(endpoint.headers, is_authorization);
    }
    return endpoint;
  }

  [[nodiscard]] Result<oauth::Settings> oauth(const json& object) const {
    oauth::Settings settings;
    if (object.is_boolean() && !object.get<bool>()) return oauth::Settings{.enabled = false};
    if (!object.is_object()) return bad(R"('oauth' must be false or an object, like {"clientId": "..."})");
    for (const auto& [key, value] : object.items()) {
      if (key == "redirectPort") {
        if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 65'535)
          return bad("'oauth.redirectPort' must be a port, or 0 for any");
        settings.redirect_port = value.get<std::uint16_t>();
        continue;
      }
      if (key == "privateNetwork") {
        if (!value.is_boolean()) return bad("'oauth.privateNetwork' must be true or false");
        settings.private_network = value.get<bool>();
        continue;
      }
      GEMINGA_TRY(std::string text, expand("oauth." + key, value));
      if (key == "grant") {
        if (text != "authorization_code" && text != "client_credentials")
          return bad("'oauth.grant' must be authorization_code (a person agrees) or client_credentials");
        settings.grant = text == "client_credentials" ? oauth::Grant::client_credentials
                                                      : oauth::Grant::authorization_code;
      } else if (key == "clientId") {
        settings.client_id = std::move(text);
      } else if (key == "clientSecret") {
        if (!value.is_string() || value.get_ref<const std::string&>().find("${") == std::string::npos)
          return bad(
              "has a secret in 'oauth.clientSecret'; write where it is: ${VARIABLE} of the environment or "
              "${file:/path}");
        settings.client_secret = std::move(text);
      } else if (key == "privateKeyFile") {
        settings.private_key_file = std::move(text);
      } else if (key == "clientMetadataUrl") {
        settings.client_metadata_url = std::move(text);
      } else if (key == "scope") {
        settings.scope = std::move(text);
      } else {
        return bad(
            fmt::format("has the unknown key 'oauth.{}'; there are grant, clientId, clientSecret, "
                        "privateKeyFile, clientMetadataUrl, scope, redirectPort and privateNetwork",
                        key));
      }
    }
    return checked(std::move(settings));
  }

  [[nodiscard]] Result<oauth::Settings> checked(oauth::Settings settings) const {
    const bool has_proof = !settings.client_secret.empty() || !settings.private_key_file.empty();
    if (settings.grant == oauth::Grant::client_credentials && (settings.client_id.empty() || !has_proof))
      return bad(
          "has 'oauth.grant' client_credentials, which needs clientId and clientSecret or privateKeyFile");
    if (has_proof && settings.client_id.empty())
      return bad("has a secret or a key in 'oauth', but no clientId that it belongs to");
    if (!settings.client_metadata_url.empty() && !settings.client_metadata_url.starts_with("https://"))
      return bad("has an 'oauth.clientMetadataUrl' that does not start with https://");
    return settings;
  }

  std::string where_;
  const json& entry_;
  Environment environment_;
};

Result<json> parse(std::string_view text, std::string_view source) {
  try {
    return json::parse(text, nullptr, /*allow_exceptions=*/true, /*ignore_comments=*/true);
  } catch (const json::exception& error) {
    std::string what =
        error.what();  // "[json.exception.parse_error.101] parse error at line 3, column 5: ..."
    what.erase(0, what.find("] ") == std::string::npos ? 0 : what.find("] ") + 2);
    return fail(ErrorCode::config_error, fmt::format("{} is not JSON: {}", source, what));
  }
}

}  // namespace

Result<ServerSet> parse_servers(std::string_view text, std::string_view source,
                                const SettingsByServer& settings, Environment environment) {
  GEMINGA_TRY(const json root, parse(text, source));
  const auto servers = root.is_object() ? root.find("mcpServers") : root.end();
  if (!root.is_object() || servers == root.end() || !servers->is_object()) {
    return fail(
        ErrorCode::config_error,
        fmt::format(R"({}: no object "mcpServers"; write {{"mcpServers": {{"NAME": {{"command": "..."}}}}}})",
                    source));
  }
  ServerSet set;
  for (const auto& [key, value] : root.items()) {
    if (key != "mcpServers")
      set.warnings.push_back(fmt::format("{}: key '{}' is not known and has no effect", source, key));
  }
  for (const auto& [name, entry] : servers->items()) {
    if (name.empty())
      return fail(ErrorCode::config_error, fmt::format("{}: a server with an empty name", source));
    if (!entry.is_object())
      return fail(ErrorCode::config_error, fmt::format("{}: server '{}' must be an object", source, name));
    EntryReader reader(source, name, entry, environment != nullptr ? environment : process_environment);
    std::ranges::move(reader.unknown_keys(), std::back_inserter(set.warnings));
    GEMINGA_TRY(const bool disabled, reader.disabled());
    if (disabled) {
      set.disabled.push_back(name);
      continue;
    }
    const auto found = settings.find(name);
    GEMINGA_TRY(ServerConfig config,
                reader.read(name, found == settings.end() ? ServerSettings{} : found->second));
    set.servers.push_back(std::move(config));
  }
  return set;
}

Result<ServerSet> load_servers(const std::filesystem::path& file, const SettingsByServer& settings,
                               Environment environment) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) {
    return fail(ErrorCode::io_error,
                fmt::format("{} cannot be read; create it or name another one with --mcp", file.native()));
  }
  return parse_servers(text.view(), file.native(), settings, environment);
}

Result<RetryPolicy> parse_retry_policy(std::string_view text) {
  if (text == "never") return RetryPolicy::never;
  if (text == "always") return RetryPolicy::always;
  if (text == "retry_unknown") return RetryPolicy::retry_unknown;
  return fail(ErrorCode::config_error,
              fmt::format("'{}' is no retry policy; use never, always or retry_unknown", text));
}

Result<Elicitation> parse_elicitation(std::string_view text) {
  if (text == "refuse") return Elicitation::refuse;
  if (text == "defaults") return Elicitation::defaults;
  return fail(ErrorCode::config_error,
              fmt::format("'{}' is no answer to a server that asks; use refuse or defaults", text));
}

Result<Protocol> parse_protocol(std::string_view text) {
  if (text == "mcp") return Protocol::mcp;
  if (text == "invoke") return Protocol::invoke;
  return fail(ErrorCode::config_error,
              fmt::format("'{}' is no protocol of a server; use mcp or invoke", text));
}

}  // namespace geminga::mcp
