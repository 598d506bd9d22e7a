#include "net/tls_session.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

#include <boost/asio/error.hpp>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/assert.hpp"
#include "base/utf8.hpp"

namespace geminga::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kRecordBytes = 16 << 10;  // TLS has no larger ones
constexpr std::size_t kWritePerCall = 256 << 10;
constexpr std::size_t kNameBytesMax = 256;

// --- OpenSSL on a descriptor, without SIGPIPE -------------------------------------------------------------

int descriptor_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool again(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int bio_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = ::send(descriptor_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && again(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int bio_read(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t got = ::recv(descriptor_of(bio), data, static_cast<std::size_t>(size), 0);
  if (got < 0 && again(errno)) BIO_set_retry_read(bio);
  if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(got);
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return 0;
}

BIO* new_bio(int descriptor) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "geminga socket");
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  BIO* const bio = BIO_new(method);
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor)));
  BIO_set_init(bio, 1);
  return bio;
}

// --- words ------------------------------------------------------------------------------------------------

/// Why a handshake failed, in words that say what to do where OpenSSL's do not.
std::string reason_of(const SSL* session) {
  const unsigned long code = ERR_peek_last_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
    return fmt::format("its certificate is not accepted: {}",
                       X509_verify_cert_error_string(SSL_get_verify_result(session)));
  if (ERR_GET_REASON(code) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
    return "it shows no certificate, and one is required";
  if (ERR_GET_REASON(code) == SSL_R_TLSV1_ALERT_UNKNOWN_CA)
    return "it does not trust this server's certificate (unknown authority)";
  if (reason != nullptr) return reason;
  return errno == 0 ? "it went away" : std::strerror(errno);
}

/// As long as bytes of `pieces` lie together they are given as they are; short ones are put together first,
/// as each record costs a header, a checksum and a call of the system.
std::span<const char> next_record(std::span<const asio::const_buffer> pieces, std::size_t offset,
                                  std::array<char, kRecordBytes>& together) {
  const auto bytes_of = [](const asio::const_buffer& piece) {
    return std::span(static_cast<const char*>(piece.data()), piece.size());
  };
  const auto first = bytes_of(pieces.front()).subspan(offset);
  if (first.size() >= kRecordBytes || pieces.size() == 1)
    return first.first(std::min(first.size(), kRecordBytes));
  std::size_t filled = 0;
  for (std::size_t i = 0; i < pieces.size() && filled < kRecordBytes; ++i) {
    const auto piece = i == 0 ? first : bytes_of(pieces[i]);
    const std::size_t part = std::min(piece.size(), kRecordBytes - filled);
    std::copy_n(piece.data(), part, together.data() + filled);
    filled += part;
  }
  return std::span(together).first(filled);
}

}  // namespace

void TlsSession::Free::operator()(ssl_st* session) const {
  SSL_free(session);
}

TlsSession::TlsSession(ssl_ctx_st* context, int descriptor)
    : descriptor_(descriptor), session_(SSL_new(context)) {
  GEMINGA_ASSERT(session_ != nullptr);  // no memory
  BIO* const bio = new_bio(descriptor);
  SSL_set_bio(session_.get(), bio, bio);
  SSL_set_accept_state(session_.get());
}

TlsSession::~TlsSession() = default;

// --- handshake --------------------------------------------------------------------------------------------

/// Who speaks no TLS at all is found out by its first byte, and told apart in the log.
TlsSession::Step TlsSession::greet() {
  char first = 0;
  const ssize_t got = ::recv(descriptor_, &first, 1, MSG_PEEK);
  if (got < 0 && again(errno)) return Step::wants_read;
  greeted_ = true;
  if (got == 1 && first == kTlsFirstByte) return Step::done;
  silent_ = got <= 0;
  broken_ = true;
  failure_ = silent_ ? "it went away without a word" : "it does not speak TLS, and this port does";
  return Step::failed;
}

TlsSession::Step TlsSession::handshake() {
  if (!greeted_) {
    if (const Step step = greet(); step != Step::done) return step;
  }
  ERR_clear_error();
  errno = 0;
  const int result = SSL_do_handshake(session_.get());
  if (result == 1) return Step::done;
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Step::wants_read;
    case SSL_ERROR_WANT_WRITE:
      return Step::wants_write;
    default:
      break;
  }
  broken_ = true;
  failure_ = reason_of(session_.get());
  ERR_clear_error();
  return Step::failed;
}

// --- reading and writing ----------------------------------------------------------------------------------

error_code TlsSession::fault(int result) const {
  const int why = SSL_get_error(session_.get(), result);
  const int system = errno;
  ERR_clear_error();
  switch (why) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return asio::error::would_block;
    case SSL_ERROR_ZERO_RETURN:
      return asio::error::eof;
    case SSL_ERROR_SYSCALL:
      return system == 0 ? error_code(asio::error::eof)
                         : error_code(system, boost::system::system_category());
    default:
      return asio::error::connection_reset;
  }
}

std::size_t TlsSession::read(std::span<char> into, error_code& error) {
  error = std::exchange(ended_, {});
  std::size_t total = 0;
  while (!error && total < into.size()) {
    std::size_t got = 0;
    ERR_clear_error();
    errno = 0;
    const int result = SSL_read_ex(session_.get(), into.data() + total, into.size() - total, &got);
    if (result != 1) error = fault(result);
    total += got;
  }
  if (error && error != asio::error::would_block) broken_ = broken_ || error != asio::error::eof;
  if (total == 0) return 0;
  if (error != asio::error::would_block) ended_ = error;
  error = {};
  return total;
}

bool TlsSession::has_read() const {
  return ended_ || SSL_pending(session_.get()) > 0;
}

std::size_t TlsSession::write(std::span<const asio::const_buffer> pieces, error_code& error) {
  thread_local std::array<char, kRecordBytes> together;
  error = {};
  std::size_t total = 0;
  std::size_t offset = 0;  // in the first of `pieces`
  while (total < kWritePerCall) {
    while (!pieces.empty() && offset >= pieces.front().size()) {
      offset -= pieces.front().size();
      pieces = pieces.subspan(1);
    }
    if (pieces.empty()) break;
    const auto record = next_record(pieces, offset, together);
    std::size_t sent = 0;
    ERR_clear_error();
    errno = 0;
    const int result = SSL_write_ex(session_.get(), record.data(), record.size(), &sent);
    if (result != 1) {
      // It would wait for the other side only to agree on new keys, which is switched off.
      error = SSL_want_read(session_.get()) ? error_code(asio::error::connection_reset) : fault(result);
      break;
    }
    total += sent;
    offset += sent;
  }
  if (error && error != asio::error::would_block) broken_ = true;
  if (total > 0) error = {};  // it comes again with the next call
  return total;
}

void TlsSession::shut() {
  if (broken_ || SSL_is_init_finished(session_.get()) == 0) return;
  SSL_shutdown(session_.get());
  ERR_clear_error();
}

// --- who is there -----------------------------------------------------------------------------------------

bool TlsSession::has_certificate() const {
  return SSL_get0_peer_certificate(session_.get()) != nullptr &&
         SSL_get_verify_result(session_.get()) == X509_V_OK;
}

std::optional<std::string> TlsSession::common_name() const {
  if (!has_certificate()) return std::nullopt;
  const X509_NAME* const subject = X509_get_subject_name(SSL_get0_peer_certificate(session_.get()));
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return std::nullopt;
  unsigned char* bytes = nullptr;
  const int size = ASN1_STRING_to_UTF8(&bytes, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size < 0) return std::nullopt;
  std::string name(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  const bool sound = !name.empty() && name.size() <= kNameBytesMax && base::is_utf8(name) &&
                     std::ranges::none_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  return sound ? std::optional(std::move(name)) : std::nullopt;
}

}  // namespace geminga::net
