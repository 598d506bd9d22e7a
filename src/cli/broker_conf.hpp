#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <geminga/error.hpp>

#include "cli/conf_report.hpp"
#include "cli/serve_settings.hpp"

namespace geminga::cli {

/// What the honoured keys say, one by one; the rules between them come afterwards.
struct ConfValues {
  std::string bind_address;
  // A port that is named and empty is off.
  std::optional<std::string> pulsar_port, pulsar_tls_port, http_port, https_port;
  std::string advertised_address;
  net::TlsSettings tls;
  bool tls_enabled = false;    ///< the old key
  bool tls_key_store = false;  ///< Java's
  bool authentication = false;
  bool authorization = false;
  std::set<std::string> providers;  ///< of authentication, by the last part of their names
  std::string authorization_provider = "PulsarAuthorizationProvider";
  std::string proxy_roles;
  std::string token_claim, token_algorithm, token_prefix, audience_claim, audience;
  bool encryption_required = false;
  bool quota = true;
  bool quota_in_bytes = false;
  bool delete_inactive = false;
  std::string delete_mode = "delete_when_no_subscriptions";
  std::optional<std::uint64_t> inactive_seconds, inactive_check_seconds;
  auth::AuthSettings auth;
  PulsarSettings door;
  EmbeddedSettings embedded;
};

/// Lays Pulsar's configuration file over `settings`; `text` is its content. What cannot be honoured and whose
/// loss would let somebody in, or through, who was kept out is an error. Errors: config_error with file,
/// line, key and remedy.
Result<ConfReport> apply_broker_conf(ServeSettings& settings, std::string_view text,
                                     const std::filesystem::path& file);

/// At the end, when flags and environment are known: an address of the file that other machines reach, though
/// nobody has to say who it is and that was not accepted by --listen-all --insecure, becomes one of this
/// machine alone. (Pulsar's own files name 0.0.0.0.)
void narrow_conf_addresses(ServeSettings& settings);

/// What is known of a key; nothing for one that Pulsar has not, or that is not known here.
std::optional<ConfClass> class_of_conf_key(std::string_view key);

}  // namespace geminga::cli
