#include "net/tls_context.hpp"

#include <chrono>
#include <ctime>
#include <functional>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/freed.hpp"
#include "base/log.hpp"
#include "base/secret_file.hpp"
#include "base/try.hpp"

namespace geminga::net {
namespace {

constexpr std::string_view kLog = "tls";
constexpr std::size_t kFileBytesMax = 4 << 20;  // all authorities of a system together have a quarter of it
constexpr std::time_t kWarnSeconds = 14 * 24 * 3'600;
constexpr int kSecurityLevel = 2;  // RSA of 2,048 bits, SHA-256
constexpr const char* kCiphers12 = "ECDHE+AESGCM:ECDHE+CHACHA20";

using base::Freed;
using Bio = std::unique_ptr<BIO, Freed<BIO, BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Context = std::shared_ptr<SSL_CTX>;

/// What OpenSSL says last, in its words; forgets all of it.
std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "no reason is given" : reason;
}

std::unexpected<Error> wrong(const std::filesystem::path& file, std::string_view what) {
  return fail(ErrorCode::config_error, fmt::format("{}: {}", file.string(), what));
}

Bio reading(const std::string& bytes) {
  return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

/// OpenSSL would ask for one on the terminal.
int no_pass_phrase(char*, int, int, void*) {
  return -1;
}

/// At least one. Errors: config_error.
Result<std::vector<Certificate>> read_certificates(const std::filesystem::path& file) {
  GEMINGA_TRY(const std::string bytes, base::read_public_file(file, kFileBytesMax));
  ERR_clear_error();
  const Bio bio = reading(bytes);
  std::vector<Certificate> found;
  while (Certificate one{PEM_read_bio_X509(bio.get(), nullptr, no_pass_phrase, nullptr)})
    found.push_back(std::move(one));
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end || found.empty()) {
    const std::string reason = openssl_reason();
    return wrong(file,
                 found.empty() && at_end
                     ? "it holds no certificate; it must be PEM and begin with -----BEGIN CERTIFICATE-----"
                     : fmt::format("certificate {} in it cannot be read: {}", found.size() + 1, reason));
  }
  ERR_clear_error();
  return found;
}

Result<PrivateKey> read_key(const std::filesystem::path& file) {
  GEMINGA_TRY(const std::string bytes, base::read_secret_file(file));
  ERR_clear_error();
  const Bio bio = reading(bytes);
  PrivateKey key{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr)};
  ERR_clear_error();
  if (key) return key;
  if (bytes.find("ENCRYPTED") != std::string::npos)
    return wrong(file,
                 "the key has a pass phrase, which nobody can give here; take it away: openssl pkey -in "
                 "KEY -out NEW-KEY");
  return wrong(file, "it holds no private key; it must be PEM and begin with -----BEGIN PRIVATE KEY-----");
}

std::time_t time_of(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? ::timegm(&parts) : 0;
}

std::string text_of(std::time_t time) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(time));
}

Result<> check_times(const std::filesystem::path& file, const X509& certificate, std::time_t now) {
  const std::time_t from = time_of(X509_get0_notBefore(&certificate));
  const std::time_t until = time_of(X509_get0_notAfter(&certificate));
  if (now >= until)
    return wrong(file, fmt::format("the certificate expired at {}; renew it", text_of(until)));
  if (now < from)
    return wrong(file,
                 fmt::format("the certificate is valid from {} on; is the clock right?", text_of(from)));
  if (until - now < kWarnSeconds)
    log::warn(kLog, "{}: the certificate expires at {}; renew it", file.string(), text_of(until));
  return {};
}

Result<Context> make_context(const TlsSettings& settings) {
  Context context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX* const raw = context.get();
  if (raw == nullptr) return fail(ErrorCode::unavailable, "TLS cannot be used: " + openssl_reason());
  SSL_CTX_set_security_level(raw, kSecurityLevel);
  // Tickets and cached sessions would let a client in by a certificate that it showed long ago.
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  // An idle connection holds no buffers, and what was not taken may be offered from another place.
  SSL_CTX_set_mode(
      raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_set_min_proto_version(raw, settings.only_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(raw, kCiphers12) != 1 || SSL_CTX_set_num_tickets(raw, 0) != 1)
    return fail(ErrorCode::unavailable, "TLS 1.2 cannot be used: " + openssl_reason());
  return context;
}

Result<> use_own(SSL_CTX* context, const TlsSettings& settings, std::time_t now) {
  auto chain = read_certificates(settings.certificate);
  if (!chain) return std::unexpected(chain.error().with("the TLS certificate"));
  auto key = read_key(settings.key);
  if (!key) return std::unexpected(key.error().with("the TLS key"));
  X509* const own = chain->front().get();
  GEMINGA_TRY_VOID(check_times(settings.certificate, *own, now));
  if (X509_check_private_key(own, key->get()) != 1) {
    ERR_clear_error();
    return wrong(
        settings.key,
        fmt::format("the key is not that of the certificate in {}; name the two that belong together",
                    settings.certificate.string()));
  }
  if (SSL_CTX_use_certificate(context, own) != 1 || SSL_CTX_use_PrivateKey(context, key->get()) != 1)
    return wrong(settings.certificate,
                 fmt::format("the certificate cannot be used: {}; make one of RSA with 2048 bits, or of EC, "
                             "with SHA-256",
                             openssl_reason()));
  for (std::size_t i = 1; i < chain->size(); ++i)
    if (SSL_CTX_add1_chain_cert(context, (*chain)[i].get()) != 1)
      return wrong(settings.certificate,
                   fmt::format("certificate {} in it cannot be used: {}", i + 1, openssl_reason()));
  return {};
}

Result<> ask_clients(SSL_CTX* context, const TlsSettings& settings) {
  auto authorities = read_certificates(settings.client_ca);
  if (!authorities) return std::unexpected(authorities.error().with("the authorities of TLS clients"));
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (const Certificate& one : *authorities)
    if (X509_STORE_add_cert(store, one.get()) != 1 || SSL_CTX_add_client_CA(context, one.get()) != 1)
      return wrong(settings.client_ca, "a certificate in it cannot be used: " + openssl_reason());
  SSL_CTX_set_verify(
      context, SSL_VERIFY_PEER | (settings.client_certificate_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
      nullptr);
  return {};
}

Result<Context> read_all(const TlsSettings& settings, base::Clock& clock) {
  GEMINGA_TRY_VOID(check_named(settings));
  GEMINGA_TRY(Context context, make_context(settings));
  const std::time_t now = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(clock.wall_now()));
  GEMINGA_TRY_VOID(use_own(context.get(), settings, now));
  if (!settings.client_ca.empty()) GEMINGA_TRY_VOID(ask_clients(context.get(), settings));
  return context;
}

}  // namespace

Result<> check_named(const TlsSettings& settings) {
  if (settings.certificate.empty() || settings.key.empty())
    return fail(ErrorCode::config_error,
                "TLS needs a certificate and its key; name both, with --tls-cert FILE and --tls-key FILE");
  if (settings.client_certificate_required && settings.client_ca.empty())
    return fail(
        ErrorCode::config_error,
        "a certificate of every client is required and no authority is named that signs them; name it "
        "with --tls-ca FILE");
  return {};
}

Result<std::shared_ptr<TlsContext>> TlsContext::load(TlsSettings settings, base::Clock& clock) {
  std::shared_ptr<TlsContext> context(new TlsContext(std::move(settings), clock));
  GEMINGA_TRY_VOID(context->reload());
  return context;
}

Result<> TlsContext::reload() {
  FileTimes times = file_times();  // before: what is written meanwhile counts as changed
  auto read = read_all(settings_, clock_);
  const std::lock_guard lock(mutex_);
  read_ = std::move(times);
  if (!read) return std::unexpected(std::move(read).error());
  current_ = *std::move(read);
  return {};
}

bool TlsContext::changed() const {
  const FileTimes times = file_times();
  const std::lock_guard lock(mutex_);
  return times != read_;
}

std::shared_ptr<ssl_ctx_st> TlsContext::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

TlsContext::FileTimes TlsContext::file_times() const {
  FileTimes times;
  for (const auto* file : {&settings_.certificate, &settings_.key, &settings_.client_ca}) {
    std::error_code error;
    const auto time = std::filesystem::last_write_time(*file, error);
    times.push_back(error ? std::filesystem::file_time_type::min() : time);
  }
  return times;
}

}  // namespace geminga::net
