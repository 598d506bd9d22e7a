#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st;
struct ssl_st;
struct x509_st;

namespace geminga::net::testing {

/// A certificate and its key, as files.
struct TlsPair {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

struct CertificateOptions {
  std::vector<std::string> common_names{"localhost"};
  std::chrono::seconds from{-3'600};  ///< from now
  std::chrono::seconds until{3'600};
  std::string use = "serverAuth,clientAuth";
  unsigned rsa_bits = 0;  ///< 0: EC P-256
};

/// Signs certificates; its own and theirs are files of `folder`.
class Authority {
 public:
  Authority(std::filesystem::path folder, const std::string& name);
  [[nodiscard]] const std::filesystem::path& certificate() const { return file_; }
  /// NAME.pem and NAME-key.pem, written over where they are there.
  TlsPair issue(const std::string& name, const CertificateOptions& options = {});

 private:
  const std::filesystem::path folder_;
  std::filesystem::path file_;
  std::shared_ptr<evp_pkey_st> key_;
  std::shared_ptr<x509_st> own_;
};

struct TlsClientOptions {
  std::filesystem::path authority;  ///< empty: the server's certificate is not looked at
  std::optional<TlsPair> own;
  int version_max = 0;  ///< TLS1_1_VERSION and so on; 0: the newest
};

/// A client of 127.0.0.1 that blocks, each call at most five seconds.
class TlsClient {
 public:
  explicit TlsClient(std::uint16_t port, const TlsClientOptions& options = {});
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  /// The handshake ended well, as far as this side can tell: with TLS 1.3 a server that refuses the client's
  /// certificate says so later.
  [[nodiscard]] bool connected() const { return connected_; }
  bool send(std::string_view bytes);
  /// What comes until `end` was seen (with it), or the other side ended.
  std::string read_until(std::string_view end);
  std::string read_exactly(std::size_t bytes);
  /// The common name of the server's certificate.
  [[nodiscard]] std::string server_name() const;

 private:
  bool fill();
  int socket_ = -1;
  std::shared_ptr<ssl_st> tls_;
  bool connected_ = false;
  std::string buffer_;
};

}  // namespace geminga::net::testing
