#include "cli/serve_settings.hpp"

#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include <geminga/bus.hpp>

#include "base/try.hpp"
#include "bus/environment.hpp"
#include "cli/broker_conf.hpp"
#include "cli/setting_table.hpp"
#include "engines/embedded/embedded.hpp"

namespace geminga::cli {
namespace {

Result<std::string> read_file(const std::filesystem::path& file) {
  std::error_code ignored;
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file, ignored)) {
    return fail(ErrorCode::io_error,
                fmt::format("cannot read the configuration file {}; does it exist and may this user read it?",
                            file.string()));
  }
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Pulsar's own file, below everything else.
Result<> apply_conf_file(ServeSettings& settings, const Arguments& arguments, Environment environment) {
  const char* named = environment("GEMINGA_BROKER_CONF");
  const std::filesystem::path file = arguments.text("broker-conf", named == nullptr ? "" : named);
  if (file.empty()) return {};
  GEMINGA_TRY(const std::string text, read_file(file));
  GEMINGA_TRY(settings.conf_report, apply_broker_conf(settings, text, file));
  return {};
}

Result<> apply_environment(ServeSettings& settings, Environment environment) {
  for (const Setting& setting : kSettings) {
    if (setting.environment.empty()) continue;
    const char* value = environment(std::string(setting.environment).c_str());
    if (value == nullptr || *value == '\0') continue;
    if (auto applied = setting.apply(settings, value); !applied) {
      return std::unexpected(applied.error().with(setting.environment));
    }
  }
  return {};
}

Result<> apply_flags(ServeSettings& settings, const Arguments& arguments) {
  for (const Setting& setting : kSettings) {
    if (!arguments.has(setting.flag)) continue;
    if (auto applied = setting.apply(settings, arguments.text(setting.flag)); !applied) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("--{}: {}", setting.flag, applied.error().message));
    }
  }
  return {};
}

bool same_directory(const std::filesystem::path& a, const std::filesystem::path& b) {
  return (a / "").lexically_normal() == (b / "").lexically_normal();
}

/// --bus, then the environment's own names for a bus, then the file, then the embedded engine in the data
/// directory.
Result<> decide_bus(ServeSettings& settings, const Arguments& arguments, Environment environment,
                    bool data_dir_named) {
  const std::string embedded = "embedded:" + settings.data_dir.string();
  if (arguments.has("bus")) {
    settings.bus_reason = "--bus";
  } else {
    const std::string fallback = settings.bus_url.empty() ? embedded : settings.bus_url;
    const std::string fallback_reason = settings.bus_url.empty() ? "the default, as nothing names another"
                                                                 : "bus in " + settings.config_file.string();
    const auto lookup = [environment](std::string_view name) -> std::optional<std::string> {
      const char* value = environment(std::string(name).c_str());
      return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
    GEMINGA_TRY(const BusChoice choice, bus::choose_bus(lookup, fallback));
    settings.bus_reason = choice.url == fallback ? fallback_reason : choice.reason;
    settings.bus_url = choice.url;
  }
  if (!settings.bus_url.starts_with("embedded:")) return {};
  GEMINGA_TRY(auto directory, engines::embedded::directory_of(settings.bus_url));
  if (!data_dir_named) {
    settings.data_dir = std::move(directory);
  } else if (!same_directory(directory, settings.data_dir)) {
    return fail(ErrorCode::config_error,
                fmt::format("the bus {} and the data directory {} are two places; name one of them",
                            settings.bus_url, settings.data_dir.string()));
  }
  return {};
}

/// What must be known of TLS before anything starts; the files are read when it does.
Result<> check_tls(const ServeSettings& settings) {
  const bool listens = !settings.https.empty() || !settings.pulsar_tls.empty();
  if (listens) GEMINGA_TRY_VOID(net::check_named(settings.tls));
  if (!listens && !(settings.tls == net::TlsSettings{}))
    return fail(ErrorCode::config_error,
                "files or rules of TLS are named and nothing listens with them; add --https HOST:PORT, "
                "--pulsar-tls HOST:PORT or both");
  if (settings.http.empty() && settings.https.empty())
    return fail(ErrorCode::config_error,
                "HTTP is off and there is no HTTPS in its place; add --https HOST:PORT");
  return {};
}

}  // namespace

Result<ServeSettings> load_settings(const Arguments& arguments, Environment environment) {
  ServeSettings settings;
  const std::filesystem::path default_data_dir = settings.data_dir;
  const char* named = environment("GEMINGA_CONFIG");
  GEMINGA_TRY_VOID(apply_conf_file(settings, arguments, environment));
  settings.config_file = arguments.text("config", named == nullptr ? "" : named);
  if (!settings.config_file.empty()) {
    GEMINGA_TRY(const std::string text, read_file(settings.config_file));
    GEMINGA_TRY_VOID(apply_settings_file(settings, text, settings.config_file.string()));
  }
  GEMINGA_TRY_VOID(apply_environment(settings, environment));
  if (const char* levels = environment("GEMINGA_LOG")) settings.log.component_levels = levels;
  GEMINGA_TRY_VOID(apply_flags(settings, arguments));
  const bool data_dir_named = settings.data_dir != default_data_dir || arguments.has("data-dir");
  GEMINGA_TRY_VOID(decide_bus(settings, arguments, environment, data_dir_named));
  GEMINGA_TRY_VOID(check_tls(settings));
  if (!(settings.auth == auth::AuthSettings{}))
    settings.auth.certificates_verified = !settings.tls.client_ca.empty();
  narrow_conf_addresses(settings);
  return settings;
}

std::string with_default_port(std::string_view text, std::uint16_t port) {
  const bool has_port =
      text.starts_with('[') ? !text.ends_with(']') : text.find(':') != std::string_view::npos;
  return has_port || text.empty() ? std::string(text) : fmt::format("{}:{}", text, port);
}

Result<Endpoint> parse_endpoint(std::string_view text, std::string_view what) {
  const auto wrong = [&] {
    return fail(
        ErrorCode::config_error,
        fmt::format("{} '{}' is not HOST:PORT; write for example 127.0.0.1:8080, [::1]:8080, or port 0 "
                    "for a free one",
                    what, text));
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong();
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong();
  }
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || port.empty() || host.empty())
    return wrong();
  return Endpoint{.host = std::string(host), .port = number};
}

}  // namespace geminga::cli
