#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <geminga/error.hpp>

#include "base/clock.hpp"

struct ssl_ctx_st;

namespace geminga::net {

/// Where a server's certificate is, and whose certificates its clients may have. All files are PEM.
struct TlsSettings {
  std::filesystem::path certificate;  ///< the server's own, then those that lead to its root
  std::filesystem::path key;          ///< without a pass phrase
  std::filesystem::path client_ca;  ///< clients may show a certificate that one of these signed; empty: none
  bool client_certificate_required = false;
  bool only_1_3 = false;  ///< else TLS 1.2 too
  bool operator==(const TlsSettings&) const = default;
};

/// What belongs together is named; no file is looked at. Errors: config_error.
Result<> check_named(const TlsSettings& settings);

/// TLS 1.2 and 1.3 with one certificate, for any number of listeners. A client's certificate is verified
/// where `client_ca` is given: one of another authority, expired or not meant for clients ends the handshake.
/// Sessions are not resumed, so every connection shows its certificate anew. Any thread.
class TlsContext {
 public:
  /// Errors: config_error (a file that cannot be read, is no PEM, a key of another certificate, an expired
  /// certificate, ...), with file and remedy. Warns of a key that everyone may read, and of a certificate
  /// that expires soon.
  static Result<std::shared_ptr<TlsContext>> load(TlsSettings settings,
                                                  base::Clock& clock = base::Clock::system());

  /// The files anew, for connections that come from now on. What was there stays where that fails. Errors: as
  /// load().
  Result<> reload();
  /// A file was written since it was last read, or tried.
  [[nodiscard]] bool changed() const;
  /// OpenSSL's SSL_CTX.
  [[nodiscard]] std::shared_ptr<ssl_ctx_st> current() const;
  [[nodiscard]] bool asks_clients() const { return !settings_.client_ca.empty(); }

 private:
  using FileTimes = std::vector<std::filesystem::file_time_type>;
  TlsContext(TlsSettings settings, base::Clock& clock) : settings_(std::move(settings)), clock_(clock) {}
  [[nodiscard]] FileTimes file_times() const;

  const TlsSettings settings_;
  base::Clock& clock_;
  mutable std::mutex mutex_;
  std::shared_ptr<ssl_ctx_st> current_;  // under mutex_
  FileTimes read_;                       // under mutex_
};

}  // namespace geminga::net
