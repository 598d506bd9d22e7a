#include "net/http_transfer.hpp"

#include <cstdlib>
#include <cstring>
#include <sys/socket.h>

#include <fmt/format.h>

#include "base/event_loop.hpp"
#include "net/http_url.hpp"
#include "net/public_address.hpp"

namespace geminga::net {
namespace {

// Servers drop idle connections after 5 s (Node, uvicorn) or later; a request on a dead one has an unknown
// outcome.
constexpr long kIdleConnectionSeconds = 4;
constexpr std::size_t kStreamBacklogMax = std::size_t{8} << 20U;

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

// The variables that libcurl looks at for this URL.
bool has_proxy(const std::string& url) {
  if (is_loopback_url(url)) return false;
  const bool tls = url_parts(url).origin.starts_with("https:");
  return is_set(tls ? "https_proxy" : "http_proxy") || (tls && is_set("HTTPS_PROXY")) ||
         is_set("all_proxy") || is_set("ALL_PROXY");
}

}  // namespace

std::size_t HttpTransfer::on_read(char* buffer, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  const std::size_t length = std::min(size * count, transfer.request.body.size() - transfer.body_taken_);
  std::memcpy(buffer, transfer.request.body.data() + transfer.body_taken_, length);
  transfer.body_taken_ += length;
  return length;
}

std::size_t HttpTransfer::on_write(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<HttpTransfer*>(self)->body_piece({data, size * count});
}

std::size_t HttpTransfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  static_cast<HttpTransfer*>(self)->header_line({data, size * count});
  return size * count;
}

curl_socket_t HttpTransfer::on_open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  const AddressKind kind = kind_of(address->addr);
  if (kind == AddressKind::everybody || kind == transfer.request.or_kind)
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  transfer.refused_address_ = true;
  return CURL_SOCKET_BAD;
}

void HttpTransfer::header_line(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {  // of an interim answer too: the last one stays
    response.headers = {};
    return;
  }
  if (!line.empty()) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
    response.headers.add(std::string(line.substr(0, colon)), std::string(value));
    return;
  }
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  if (response.status < 200 || !callbacks->on_head) return;
  loop_.post([callbacks = callbacks, final_status = response.status, headers = response.headers] {
    callbacks->on_head(final_status, headers);
  });
}

std::size_t HttpTransfer::body_piece(std::string_view piece) {
  if (!callbacks->on_data) {
    over_limit_ = response.body.size() + piece.size() > request.max_response_bytes;
    if (over_limit_) return CURL_WRITEFUNC_ERROR;
    response.body.append(piece);
    return piece.size();
  }
  if (callbacks->backlog_bytes > kStreamBacklogMax) return CURL_WRITEFUNC_PAUSE;
  callbacks->backlog_bytes += piece.size();
  loop_.post([callbacks = callbacks, text = std::string(piece), resume = resume_, number = id] {
    callbacks->on_data(text);
    const std::size_t before = callbacks->backlog_bytes.fetch_sub(text.size());
    if (before > kStreamBacklogMax && before - text.size() <= kStreamBacklogMax) resume(number);
  });
  return piece.size();
}

void HttpTransfer::set_method() {
  if (request.method == "GET") {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    return;
  }
  if (!request.body.empty() || request.method == "POST") {
    // A read function that cannot be rewound, not CURLOPT_POSTFIELDS: otherwise libcurl sends the request a
    // second time by itself when a kept connection dies before the answer.
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, &HttpTransfer::on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, this);
  }
  if (request.method != "POST") curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void HttpTransfer::add_header(const std::string& line) {
  header_list_ = curl_slist_append(header_list_, line.c_str());
}

void HttpTransfer::prepare() {
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT,
                   1L);  // a name server that does not answer must not hold up a cancel
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, kIdleConnectionSeconds);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_.data());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &HttpTransfer::on_write);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &HttpTransfer::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
  if (is_loopback_url(request.url)) curl_easy_setopt(easy, CURLOPT_PROXY, "");
  if (request.public_only && has_proxy(request.url)) {
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");  // what the proxy is not asked for would go out unchecked
  } else if (request.public_only) {
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &HttpTransfer::on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);  // a kept connection may lead anywhere
  }
  set_method();
  for (const auto& [name, value] : request.headers)  // libcurl's form of a field without a value is "Name;"
    add_header(value.empty() ? name + ';' : name + ": " + value);
  add_header("Expect:");  // and this form takes away what libcurl would add
  if (!request.headers.has("Content-Type")) add_header("Content-Type:");
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, header_list_);
}

bool HttpTransfer::request_left() const {
  long head_bytes = 0;
  curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &head_bytes);
  return head_bytes > 0 && body_taken_ == request.body.size();
}

Error HttpTransfer::error_of(CURLcode code) const {
  const std::string what =
      fmt::format("{} {}: {}", request.method, loggable_url(request.url),
                  error_text_.front() != '\0' ? error_text_.data() : curl_easy_strerror(code));
  if (over_limit_) {
    return {ErrorCode::too_large,
            fmt::format("{} {}: the answer is over the limit of {} bytes", request.method,
                        loggable_url(request.url), request.max_response_bytes)};
  }
  if (refused_address_ && code == CURLE_COULDNT_CONNECT) {  // and no other of its addresses was taken
    return {ErrorCode::forbidden,
            fmt::format("{} {}: its name stands for an address of this machine or of a private network",
                        request.method, loggable_url(request.url))};
  }
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return {ErrorCode::invalid_argument, what};
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_PROXY:
      return {ErrorCode::not_sent, what};
    default:
      return {request_left() ? ErrorCode::outcome_unknown : ErrorCode::not_sent, what};
  }
}

}  // namespace geminga::net
