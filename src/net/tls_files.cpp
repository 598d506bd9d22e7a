#include "net/tls_files.hpp"

#include <arpa/inet.h>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace geminga::net::testing {

namespace {

std::string text_of(const auto& write) {
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new(BIO_s_mem()), BIO_free_all);
  write(bio.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

std::shared_ptr<X509> new_certificate(EVP_PKEY* key, const CertificateOptions& options) {
  static long serial = 1;
  std::shared_ptr<X509> made(X509_new(), X509_free);
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), static_cast<long>(options.from.count()));
  X509_gmtime_adj(X509_getm_notAfter(made.get()), static_cast<long>(options.until.count()));
  X509_set_pubkey(made.get(), key);
  for (const std::string& name : options.common_names)
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.data()),
                               static_cast<int>(name.size()), -1, 0);
  return made;
}

std::filesystem::path write_private(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
  std::filesystem::permissions(file,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return file;
}

std::string pem_of(X509* certificate) {
  return text_of([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); });
}

}  // namespace

Authority::Authority(std::filesystem::path folder, const std::string& name)
    : folder_(std::move(folder)),
      key_(EVP_EC_gen("P-256"), EVP_PKEY_free),
      own_(new_certificate(key_.get(), {.common_names = {name}})) {
  X509_set_issuer_name(own_.get(), X509_get_subject_name(own_.get()));
  add_extension(own_.get(), own_.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(own_.get(), own_.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  X509_sign(own_.get(), key_.get(), EVP_sha256());
  file_ = write_private(folder_ / (name + ".pem"), pem_of(own_.get()));
}

TlsPair Authority::issue(const std::string& name, const CertificateOptions& options) {
  const std::shared_ptr<EVP_PKEY> key(
      options.rsa_bits == 0 ? EVP_EC_gen("P-256") : EVP_RSA_gen(options.rsa_bits), EVP_PKEY_free);
  const auto made = new_certificate(key.get(), options);
  X509_set_issuer_name(made.get(), X509_get_subject_name(own_.get()));
  add_extension(made.get(), own_.get(), NID_ext_key_usage, options.use);
  add_extension(made.get(), own_.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  X509_sign(made.get(), key_.get(), EVP_sha256());
  const auto write_key = [&](BIO* bio) {
    PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  };
  return {.certificate = write_private(folder_ / (name + ".pem"), pem_of(made.get())),
          .key = write_private(folder_ / (name + "-key.pem"), text_of(write_key))};
}

TlsClient::TlsClient(std::uint16_t port, const TlsClientOptions& options)
    : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes as it likes
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot connect");
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  SSL_CTX_set_security_level(context.get(), 0);  // the server's rules are what is looked at
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  if (options.version_max != 0) SSL_CTX_set_max_proto_version(context.get(), options.version_max);
  if (!options.authority.empty()) {
    SSL_CTX_load_verify_locations(context.get(), options.authority.c_str(), nullptr);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  if (options.own) {
    SSL_CTX_use_certificate_file(context.get(), options.own->certificate.c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context.get(), options.own->key.c_str(), SSL_FILETYPE_PEM);
  }
  tls_.reset(SSL_new(context.get()), SSL_free);
  SSL_set_fd(tls_.get(), socket_);
  connected_ = SSL_connect(tls_.get()) == 1;
}

TlsClient::~TlsClient() {
  if (connected_) SSL_shutdown(tls_.get());
  tls_.reset();
  ::close(socket_);
}

bool TlsClient::send(std::string_view bytes) {
  std::size_t sent = 0;
  return connected_ && SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &sent) == 1;
}

bool TlsClient::fill() {
  char bytes[16 << 10];
  std::size_t got = 0;
  if (!connected_ || SSL_read_ex(tls_.get(), bytes, sizeof bytes, &got) != 1) return false;
  buffer_.append(bytes, got);
  return true;
}

std::string TlsClient::read_until(std::string_view end) {
  std::size_t at = 0;
  while ((at = buffer_.find(end)) == std::string::npos)
    if (!fill()) return std::exchange(buffer_, {});
  std::string found = buffer_.substr(0, at + end.size());
  buffer_.erase(0, found.size());
  return found;
}

std::string TlsClient::read_exactly(std::size_t bytes) {
  while (buffer_.size() < bytes)
    if (!fill()) return std::exchange(buffer_, {});
  std::string found = buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  return found;
}

std::string TlsClient::server_name() const {
  const X509* const certificate = connected_ ? SSL_get0_peer_certificate(tls_.get()) : nullptr;
  if (certificate == nullptr) return {};
  char name[256]{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  return name;
}

}  // namespace geminga::net::testing
