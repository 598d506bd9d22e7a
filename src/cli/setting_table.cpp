#include "cli/setting_table.hpp"

#include <fmt/format.h>

#include "base/try.hpp"

namespace geminga::cli {
namespace {

constexpr std::uint16_t kHttpsPort = 8443;
constexpr std::uint16_t kPulsarTlsPort = 6651;

Result<> set_switch(bool& target, std::string_view text) {
  if (text == "true" || text == "1" || text == "yes") {
    target = true;
  } else if (text == "false" || text == "0" || text == "no") {
    target = false;
  } else {
    return fail(ErrorCode::config_error, fmt::format("'{}' is neither true nor false", text));
  }
  return {};
}

template <class Target>
Result<> set_text(Target& target, std::string_view text) {
  if (text.empty()) return fail(ErrorCode::config_error, "it is empty");
  target = std::string(text);
  return {};
}

/// "off": nothing listens there.
Result<> set_endpoint(std::string& target, std::string_view text, std::string_view what) {
  if (text == "off") {
    target.clear();
    return {};
  }
  GEMINGA_TRY_VOID(parse_endpoint(text, what));
  target = text;
  return {};
}

Result<> set_http(ServeSettings& settings, std::string_view text) {
  return set_endpoint(settings.http, text, "the HTTP address");
}

Result<> set_https(ServeSettings& settings, std::string_view text) {
  return set_endpoint(settings.https, with_default_port(text, kHttpsPort), "the HTTPS address");
}

Result<> set_pulsar(ServeSettings& settings, std::string_view text) {
  settings.pulsar_named = settings.pulsar_named || text != "off";
  return set_endpoint(settings.pulsar, text, "the Pulsar address");
}

Result<> set_pulsar_tls(ServeSettings& settings, std::string_view text) {
  settings.pulsar_named = settings.pulsar_named || text != "off";
  return set_endpoint(settings.pulsar_tls, with_default_port(text, kPulsarTlsPort), "the Pulsar TLS address");
}

Result<> set_database(ServeSettings& settings, std::string_view text) {
  // The address may hold a password: it is not repeated.
  if (!text.starts_with("postgresql://") && !text.starts_with("postgres://"))
    return fail(ErrorCode::config_error,
                "the jobs store cannot be there; write postgresql://user@host:5432/database, or nothing for "
                "SQLite in "
                "the data directory");
  settings.database_url = text;
  return {};
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  while (!list.empty()) {
    const std::string_view part = list.substr(0, list.find(','));
    parts.emplace_back(part);
    list.remove_prefix(std::min(list.size(), part.size() + 1));
  }
  return parts;
}

Result<> set_format(ServeSettings& settings, std::string_view text) {
  if (text != "text" && text != "json") {
    return fail(ErrorCode::config_error, fmt::format("unknown log format '{}'; use text or json", text));
  }
  settings.log.format = text == "json" ? log::Format::json : log::Format::text;
  return {};
}

Result<> set_level(ServeSettings& settings, std::string_view text) {
  GEMINGA_TRY(settings.log.level, log::parse_level(text));
  return {};
}

constexpr Setting kTable[] = {
    {.key = "data_dir",
     .flag = "data-dir",
     .environment = "GEMINGA_DATA_DIR",
     .value = Value::directory,
     .metavar = "DIR",
     .help = "where everything durable stands; made if it is missing (./geminga-data)",
     .apply = [](ServeSettings& s, std::string_view v) { return set_text(s.data_dir, v); },
     .place = Place::path},
    {.key = "bus",
     .flag = "bus",
     .environment = "",
     .metavar = "URL",
     .help = "the event bus; also COZE_MQ_TYPE + MQ_NAME_SERVER, ENABLE_PULSAR or ENABLE_KAFKA in the "
             "environment (embedded, in the data directory)",
     .apply = [](ServeSettings& s, std::string_view v) { return set_text(s.bus_url, v); },
     .place = Place::bus},
    {.key = "database_url",
     .flag = "database-url",
     .environment = "DATABASE_URL",
     .metavar = "URL",
     .help = "the PostgreSQL database of the jobs store, postgresql://user@host:5432/database; a password "
             "better stands in "
             "the environment (SQLite in the data directory)",
     .apply = set_database},
    {.key = "http",
     .flag = "http",
     .environment = "GEMINGA_HTTP",
     .value = Value::endpoint,
     .metavar = "HOST:PORT",
     .help = "where the HTTP API listens; port 0 takes a free one; off: only HTTPS (127.0.0.1:8080)",
     .apply = set_http},
    {.key = "https",
     .flag = "https",
     .environment = "GEMINGA_HTTPS",
     .value = Value::endpoint,
     .metavar = "HOST[:PORT]",
     .help = "where it listens with TLS as well; needs --tls-cert and --tls-key (port 8443)",
     .apply = set_https},
    {.key = "pulsar",
     .flag = "pulsar",
     .environment = "GEMINGA_PULSAR",
     .value = Value::endpoint,
     .metavar = "HOST:PORT",
     .help =
         "where Pulsar's clients come in, on the embedded engine; port 0 takes a free one; off: only by TLS "
         "(127.0.0.1:6650)",
     .apply = set_pulsar},
    {.key = "pulsar_tls",
     .flag = "pulsar-tls",
     .environment = "GEMINGA_PULSAR_TLS",
     .value = Value::endpoint,
     .metavar = "HOST[:PORT]",
     .help = "where they come in with TLS as well, pulsar+ssl://; needs --tls-cert and --tls-key (port 6651)",
     .apply = set_pulsar_tls},
    {.key = "tls_cert",
     .flag = "tls-cert",
     .environment = "GEMINGA_TLS_CERT",
     .value = Value::file,
     .metavar = "FILE",
     .help =
         "the server's certificate and those that lead to its root, PEM; read again on SIGHUP, and within "
         "a minute when it is written",
     .apply = [](ServeSettings& s, std::string_view v) { return set_text(s.tls.certificate, v); },
     .place = Place::path},
    {.key = "tls_key",
     .flag = "tls-key",
     .environment = "GEMINGA_TLS_KEY",
     .value = Value::file,
     .metavar = "FILE",
     .help = "its private key, PEM, without a pass phrase; read again with it",
     .apply = [](ServeSettings& s, std::string_view v) { return set_text(s.tls.key, v); },
     .place = Place::path},
    {.key = "tls_ca",
     .flag = "tls-ca",
     .environment = "GEMINGA_TLS_CA",
     .value = Value::file,
     .metavar = "FILE",
     .help =
         "who signs certificates of clients, PEM: these are verified, and with [auth] the common name of one "
         "is its client's role (clients are not asked)",
     .apply = [](ServeSettings& s, std::string_view v) { return set_text(s.tls.client_ca, v); },
     .place = Place::path},
    {.key = "tls_require_client_cert",
     .flag = "tls-require-client-cert",
     .environment = "GEMINGA_TLS_REQUIRE_CLIENT_CERT",
     .value = Value::none,
     .help = "end the handshake of a client that shows none",
     .apply = [](ServeSettings& s,
                 std::string_view v) { return set_switch(s.tls.client_certificate_required, v); }},
    {.key = "advertise",
     .flag = "advertise",
     .environment = "GEMINGA_ADVERTISE",
     .value = Value::endpoint,
     .metavar = "HOST[:PORT]",
     .help =
         "the name under which clients reach this server: HTTP requests may carry it in their Host header, "
         "and Pulsar's clients are sent there (its port: that of --pulsar)",
     .apply = [](ServeSettings& s, std::string_view v) { return set_text(s.advertise, v); }},
    {.key = "mcp",
     .flag = "mcp",
     .environment = "GEMINGA_MCP",
     .value = Value::file,
     .metavar = "FILE",
     .help = "mcp.json with the MCP servers; read again when it is saved",
     .apply = [](ServeSettings& s, std::string_view v) { return set_text(s.mcp, v); },
     .place = Place::path},
    {.key = "rules",
     .flag = "rules",
     .environment = "GEMINGA_RULES",
     .value = Value::file,
     .metavar = "FILE",
     .help = "rules.toml in place of the built-in rules; read again when it is saved",
     .apply = [](ServeSettings& s, std::string_view v) { return set_text(s.rules, v); },
     .place = Place::path},
    {.key = "listen_all",
     .flag = "listen-all",
     .environment = "GEMINGA_LISTEN_ALL",
     .value = Value::none,
     .help = "allow an address that other machines reach; needs --insecure as well",
     .apply = [](ServeSettings& s, std::string_view v) { return set_switch(s.listen_all, v); }},
    {.key = "insecure",
     .flag = "insecure",
     .environment = "GEMINGA_INSECURE",
     .value = Value::none,
     .help = "say that everyone who reaches that address may do everything",
     .apply = [](ServeSettings& s, std::string_view v) { return set_switch(s.insecure, v); }},
    {.key = "log_level",
     .flag = "log-level",
     .environment = "GEMINGA_LOG_LEVEL",
     .value = Value::choice,
     .metavar = "LEVEL",
     .help = "what is logged (info)",
     .apply = set_level,
     .choices = "debug,info,warn,error,off"},
    {.key = "log_format",
     .flag = "log-format",
     .environment = "GEMINGA_LOG_FORMAT",
     .value = Value::choice,
     .metavar = "FORM",
     .help = "how it is written to stderr (text)",
     .apply = set_format,
     .choices = "text,json"},
};

}  // namespace

const std::span<const Setting> kSettings = kTable;

std::vector<Option> setting_options() {
  std::vector<Option> options{
      {.name = "config",
       .letter = 'c',
       .value = Value::file,
       .metavar = "FILE",
       .help = "geminga.toml; nothing is read that is not named",
       .environment = "GEMINGA_CONFIG"},
      {.name = "broker-conf",
       .value = Value::file,
       .metavar = "FILE",
       .help = "broker.conf or standalone.conf of Pulsar, under all other settings; what "
               "became of each of its keys stands in the log",
       .environment = "GEMINGA_BROKER_CONF"}};
  for (const Setting& setting : kSettings) {
    options.push_back({.name = std::string(setting.flag),
                       .letter = setting.letter,
                       .value = setting.value,
                       .metavar = std::string(setting.metavar),
                       .help = std::string(setting.help),
                       .choices = split(setting.choices),
                       .environment = std::string(setting.environment)});
  }
  return options;
}

}  // namespace geminga::cli
