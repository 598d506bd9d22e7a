#include "cli/broker_conf.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/try.hpp"
#include "cli/broker_conf_keys.hpp"
#include "cli/broker_conf_readers.hpp"
#include "cli/nearest.hpp"
#include "cli/properties.hpp"
#include "net/origin_guard.hpp"

namespace geminga::cli {
namespace {

constexpr std::string_view kLoopback = "127.0.0.1";
constexpr std::string_view kTokens = "AuthenticationProviderToken";
constexpr std::string_view kCertificates = "AuthenticationProviderTls";

/// The tables by name.
struct Known {
  ConfClass kind = ConfClass::unknown;
  const HonouredKey* honoured = nullptr;
  const UnsupportedKey* unsupported = nullptr;
  std::string_view reason;
};

std::map<std::string, Known, std::less<>> make_known() {
  std::map<std::string, Known, std::less<>> known;
  for (const HonouredKey& key : kHonouredKeys)
    known[std::string(key.name)] = {.kind = ConfClass::honoured, .honoured = &key, .reason = key.becomes};
  for (const UnsupportedKey& key : kUnsupportedKeys)
    known[std::string(key.name)] = {
        .kind = ConfClass::unsupported, .unsupported = &key, .reason = key.reason};
  for (const IrrelevantKeys& group : kIrrelevantKeys)
    for (std::string_view rest = group.names; !rest.empty();) {
      const std::string_view name = rest.substr(0, rest.find(' '));
      rest.remove_prefix(std::min(rest.size(), name.size() + 1));
      if (!name.empty()) known[std::string(name)] = {.kind = ConfClass::irrelevant, .reason = group.reason};
    }
  return known;
}

const Known* find_known(std::string_view key) {
  static const auto known = make_known();
  const auto found = known.find(key);
  return found == known.end() ? nullptr : &found->second;
}

std::string nearest_known(std::string_view key) {
  std::vector<std::string> names;
  for (const HonouredKey& one : kHonouredKeys) names.emplace_back(one.name);
  return did_you_mean(key, names);
}

bool asks_for_nothing(const UnsupportedKey& key, std::string_view value) {
  return value.empty() || conf::names_in(value) == conf::names_in(key.off) ||
         conf::names_in(key.off).contains(std::string(value));
}

/// One file on its way into the settings.
class Reading {
 public:
  Reading(ServeSettings& settings, const std::filesystem::path& file) : settings_(settings) {
    report_.file = file;
  }

  Result<ConfReport> read(std::string_view text) {
    auto properties = parse_properties(text);
    if (!properties)
      return fail(ErrorCode::config_error,
                  fmt::format("{}:{}", report_.file.string(), properties.error().message));
    for (const Property& one : *properties) lines_[one.key] = one.line;
    for (const Property& one : *properties)
      if (lines_[one.key] == one.line) GEMINGA_TRY_VOID(take(one));  // the last one counts, as with Java
    GEMINGA_TRY_VOID(check_authentication());
    GEMINGA_TRY_VOID(check_transport());
    lay_over();
    return std::move(report_);
  }

 private:
  Result<> take(const Property& property);
  Result<> check_authentication();
  Result<> check_tokens();
  Result<> check_transport();
  void lay_over();
  void lay_over_addresses();
  void lay_over_policies();

  /// Stops the start: what would be lost kept somebody out.
  [[nodiscard]] std::unexpected<Error> stop(std::string_view key, std::string_view why) const {
    const auto line = lines_.find(key);
    return fail(ErrorCode::config_error, fmt::format("{}:{}: '{}': {}", report_.file.string(),
                                                     line == lines_.end() ? 1 : line->second, key, why));
  }
  void note(ConfClass kind, std::string key, std::string text) {
    std::erase_if(report_.lines, [&](const ConfLine& line) { return line.key == key; });
    report_.lines.push_back({.kind = kind, .key = std::move(key), .value = {}, .note = std::move(text)});
  }
  [[nodiscard]] bool secure_ports() const {
    return !values_.pulsar_tls_port.value_or("").empty() || !values_.https_port.value_or("").empty();
  }

  ServeSettings& settings_;
  ConfReport report_;
  ConfValues values_;
  std::map<std::string, std::size_t, std::less<>> lines_;  ///< the last of each key
};

// --- key by key -------------------------------------------------------------------------------------------

Result<> Reading::take(const Property& property) {
  const Known* const known = find_known(property.key);
  ConfLine line{
      .kind = ConfClass::unknown,
      .key = property.key,
      .value = {},
      .note = known == nullptr ? "no such key" + nearest_known(property.key) : std::string(known->reason)};
  if (known != nullptr) line.kind = known->kind;
  if (line.kind == ConfClass::unsupported && asks_for_nothing(*known->unsupported, property.value)) {
    line.kind = ConfClass::irrelevant;
    line.note = "asks for nothing that is not so already";
  }
  if (line.kind == ConfClass::honoured) {
    if (auto read = known->honoured->read(values_, property.value); !read)
      return stop(property.key, read.error().message);
    line.value = property.value.empty() ? "(empty)" : known->honoured->secret ? "***" : property.value;
  }
  report_.lines.push_back(std::move(line));
  return {};
}

// --- rules between keys -----------------------------------------------------------------------------------

Result<> Reading::check_authentication() {
  if (values_.encryption_required)
    return stop(
        "encryptionRequireOnProducer",
        "messages that are not encrypted would be taken, as nobody looks at that here; set it to false, "
        "and see to it in the producers");
  if (!values_.authentication) {
    if (!values_.authorization) return {};
    return stop(
        "authorizationEnabled",
        "without authenticationEnabled=true nobody says who it is, and everybody could do everything; "
        "set that too, or authorizationEnabled=false");
  }
  if (values_.authorization && values_.authorization_provider != "PulsarAuthorizationProvider")
    return stop(
        "authorizationProvider",
        fmt::format("'{}' decides who may do what, and it cannot run here; use "
                    "org.apache.pulsar.broker.authorization.PulsarAuthorizationProvider, and give roles "
                    "their permissions in [auth.roles.NAME] of geminga.toml",
                    values_.authorization_provider));
  if (!values_.proxy_roles.empty())
    return stop(
        "proxyRoles",
        "whoever comes through a proxy would have the proxy's own role, as proxies are not served; let "
        "clients connect directly and leave it empty");
  const bool tokens = values_.providers.contains(std::string(kTokens));
  const bool certificates = values_.providers.contains(std::string(kCertificates));
  if (!tokens && !certificates)
    return stop(
        "authenticationProviders",
        "none of them can be used here; name AuthenticationProviderToken, AuthenticationProviderTls or "
        "both");
  for (const std::string& provider : values_.providers)
    if (provider != kTokens && provider != kCertificates)
      note(ConfClass::unsupported, "authenticationProviders: " + provider,
           "nobody can log in by it here; the others work");
  if (tokens) GEMINGA_TRY_VOID(check_tokens());
  if (certificates && values_.tls.client_ca.empty()) {
    if (!tokens)
      return stop(
          "authenticationProviders",
          "AuthenticationProviderTls needs tlsTrustCertsFilePath, and nobody could come in without it");
    note(ConfClass::unsupported, "authenticationProviders: AuthenticationProviderTls",
         "without tlsTrustCertsFilePath no certificate proves anything");
  }
  values_.auth.client_certificates = certificates;
  return {};
}

Result<> Reading::check_tokens() {
  if (values_.auth.token_secret_key.empty() && values_.auth.token_public_key.empty())
    return stop("authenticationProviders",
                "AuthenticationProviderToken needs tokenSecretKey or tokenPublicKey, as nobody could come in "
                "without one");
  if (!values_.token_claim.empty() && values_.token_claim != "sub")
    return stop(
        "tokenAuthClaim",
        "a role is read from 'sub' here, so a token would be somebody else's; make tokens with the role "
        "in 'sub' and leave it empty");
  if (!values_.audience_claim.empty() && values_.audience_claim != "aud")
    return stop("tokenAudienceClaim", "an audience is read from 'aud' here; make tokens that have it there");
  if (!values_.audience_claim.empty() && values_.audience.empty())
    return stop("tokenAudienceClaim",
                "it asks for an audience and tokenAudience names none; name it, or leave both empty");
  if (!values_.token_prefix.empty())
    return stop("tokenSettingPrefix", "the keys of tokens are read without a prefix; leave it empty");
  const std::string& algorithm = values_.token_algorithm;
  if (!algorithm.empty() && algorithm != "RS256" && algorithm != "ES256")
    return stop("tokenPublicAlg",
                fmt::format("'{}' is not checked here; sign tokens with RS256 or ES256", algorithm));
  // Without a claim to look at, Pulsar looks at none.
  if (!values_.audience_claim.empty()) values_.auth.token_audience = values_.audience;
  return {};
}

Result<> Reading::check_transport() {
  if (values_.tls_key_store && secure_ports())
    return stop("tlsEnabledWithKeyStore",
                "key stores of Java are not read; write certificate and key as PEM, name them with "
                "tlsCertificateFilePath and tlsKeyFilePath, and set it to false");
  if (values_.tls_enabled && !secure_ports())
    return stop(
        "tlsEnabled",
        "no port for TLS is named, and everything would travel unencrypted; set brokerServicePortTls and "
        "webServicePortTls");
  if (values_.tls.client_certificate_required && secure_ports() && values_.tls.client_ca.empty())
    return stop("tlsRequireTrustedClientCertOnConnect",
                "certificates of clients cannot be verified without tlsTrustCertsFilePath; name it");
  return {};
}

// --- into the settings ------------------------------------------------------------------------------------

void Reading::lay_over() {
  lay_over_addresses();
  lay_over_policies();
  if (secure_ports()) settings_.tls = values_.tls;
  if (values_.authentication) {
    if (!values_.providers.contains(std::string(kTokens)))
      values_.auth.token_secret_key = values_.auth.token_public_key = std::string();
    settings_.auth = values_.auth;
  }
  settings_.pulsar_door = values_.door;
  values_.embedded.delay_index_bytes = settings_.embedded.delay_index_bytes;
  settings_.embedded = values_.embedded;
}

void Reading::lay_over_addresses() {
  const std::string& bound = values_.bind_address;
  const std::string host = bound.empty() ? std::string(kLoopback)
                           : bound.find(':') != std::string::npos && !bound.starts_with('[')
                               ? fmt::format("[{}]", bound)
                               : bound;
  const auto lay = [&](const std::optional<std::string>& port, std::string& address, const char* usual) {
    if (!port && (bound.empty() || *usual == '\0')) return;
    const std::string number = port.value_or(usual);
    address = number.empty() ? std::string() : fmt::format("{}:{}", host, number);
    settings_.conf_addresses.insert(address);
  };
  lay(values_.pulsar_port, settings_.pulsar, "6650");
  lay(values_.http_port, settings_.http, "8080");
  lay(values_.pulsar_tls_port, settings_.pulsar_tls, "");
  lay(values_.https_port, settings_.https, "");
  if (!values_.advertised_address.empty()) settings_.advertise = values_.advertised_address;
}

void Reading::lay_over_policies() {
  Policies& policies = values_.embedded.default_policies;
  if (!values_.quota) {
    policies.backlog_bytes = std::nullopt;
    policies.backlog_age = std::nullopt;
  }
  if (!policies.backlog_bytes && !policies.backlog_age) policies.backlog_action = std::nullopt;
  if (values_.delete_inactive && values_.delete_mode == "delete_when_no_subscriptions") {
    const auto after = values_.inactive_seconds.value_or(values_.inactive_check_seconds.value_or(60));
    policies.inactive_after = std::chrono::seconds(after);
  } else if (values_.delete_inactive) {
    note(ConfClass::unsupported, "brokerDeleteInactiveTopicsMode",
         "only topics without subscriptions are deleted here, so none is; use delete_when_no_subscriptions");
  }
  RetentionPolicy& retention = values_.embedded.default_retention;
  const bool no_time = retention.time && retention.time->count() == 0;
  const bool no_bytes = retention.bytes && *retention.bytes == 0;
  if (no_time == no_bytes) return;
  retention = RetentionPolicy{};  // as with Pulsar
  note(ConfClass::irrelevant, no_time ? "defaultRetentionSizeInMB" : "defaultRetentionTimeInMinutes",
       "with the other limit zero nothing is kept");
}

}  // namespace

Result<ConfReport> apply_broker_conf(ServeSettings& settings, std::string_view text,
                                     const std::filesystem::path& file) {
  return Reading(settings, file).read(text);
}

void narrow_conf_addresses(ServeSettings& settings) {
  if (settings.conf_report.file.empty() || settings.auth.on() || (settings.listen_all && settings.insecure))
    return;
  bool narrowed = false;
  for (std::string* address : {&settings.http, &settings.https, &settings.pulsar, &settings.pulsar_tls}) {
    const auto endpoint = parse_endpoint(*address, "the address");
    if (!endpoint || net::is_loopback_host(endpoint->host) || !settings.conf_addresses.contains(*address))
      continue;
    *address = fmt::format("{}:{}", kLoopback, endpoint->port);
    narrowed = true;
  }
  if (!narrowed) return;
  for (ConfLine& line : settings.conf_report.lines)
    if (line.key == "bindAddress") {
      line.kind = ConfClass::unsupported;
      line.note =
          "without authentication only this machine is served: 127.0.0.1 is listened on. Configure "
          "authentication, or accept the risk with --listen-all --insecure";
    }
}

std::optional<ConfClass> class_of_conf_key(std::string_view key) {
  const Known* const known = find_known(key);
  return known == nullptr ? std::nullopt : std::optional(known->kind);
}

}  // namespace geminga::cli
