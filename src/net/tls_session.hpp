#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

struct ssl_ctx_st;
struct ssl_st;

namespace geminga::net {

/// TLS on the server's side of one connected socket that does not block. It reads and writes the descriptor
/// itself and keeps nothing of what goes through it but an incomplete record: whoever waits, waits for the
/// descriptor. One thread.
class TlsSession {
 public:
  /// `descriptor` must outlive it. Errors are those of the handshake.
  TlsSession(ssl_ctx_st* context, int descriptor);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Step : std::uint8_t { done, wants_read, wants_write, failed };
  /// As far as it comes now.
  Step handshake();
  /// Why the handshake failed, for the log.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  /// The other side said nothing at all before it left: a scan of ports, a check of health.
  [[nodiscard]] bool silent() const { return silent_; }

  /// As much as there is and fits. 0 with an error: would_block, eof (also after a partial end), or what else
  /// is wrong.
  std::size_t read(std::span<char> into, boost::system::error_code& error);
  /// read() would find something though the descriptor may have nothing.
  [[nodiscard]] bool has_read() const;
  /// Some of it. After would_block the next call must begin with the same bytes.
  std::size_t write(std::span<const boost::asio::const_buffer> pieces, boost::system::error_code& error);
  /// Says that nothing more comes; as far as that goes now.
  void shut();

  /// Of a client whose certificate was verified: the one common name in it. Errors of certificates (none, or
  /// two names, or signs that no role has) are nothing.
  [[nodiscard]] std::optional<std::string> common_name() const;
  /// It showed a certificate, which was verified.
  [[nodiscard]] bool has_certificate() const;

 private:
  Step greet();
  [[nodiscard]] boost::system::error_code fault(int result) const;

  struct Free {
    void operator()(ssl_st* session) const;
  };
  const int descriptor_;
  const std::unique_ptr<ssl_st, Free> session_;
  bool greeted_ = false;
  bool silent_ = false;
  bool broken_ = false;  ///< nothing more may be said on it
  std::string failure_;
  boost::system::error_code ended_;  ///< for the next read(): this one had bytes to give
};

/// What the first byte of a connection by TLS is: a handshake record. No frame or request begins with it.
inline constexpr char kTlsFirstByte = 0x16;

}  // namespace geminga::net
