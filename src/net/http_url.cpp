#include "net/http_url.hpp"

#include <algorithm>
#include <memory>

#include <curl/curl.h>
#include <fmt/format.h>

namespace geminga::net {
namespace {

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using UrlHandle = std::unique_ptr<CURLU, UrlDeleter>;

UrlHandle parse_url(const std::string& text) {
  UrlHandle url(curl_url());
  return curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) == CURLUE_OK ? std::move(url) : nullptr;
}

std::string part(const UrlHandle& url, CURLUPart which) {
  char* text = nullptr;
  if (url == nullptr || curl_url_get(url.get(), which, &text, 0) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

}  // namespace

Result<> check_url(const std::string& text) {
  const UrlHandle url = parse_url(text);
  const std::string scheme = part(url, CURLUPART_SCHEME);
  if (scheme == "http" || scheme == "https") return {};
  return fail(ErrorCode::invalid_argument, fmt::format("'{}' is no http or https URL", loggable_url(text)));
}

AddressKind kind_of_url(const std::string& text) {
  return kind_of_host(part(parse_url(text), CURLUPART_HOST));
}

bool is_loopback_url(const std::string& text) {
  return kind_of_url(text) == AddressKind::this_machine;
}

std::string loggable_url(const std::string& text) {
  const UrlHandle url = parse_url(text);
  if (url == nullptr) {  // no URL at all, but what stands before an "@" may be a password even so
    const std::string shown = text.substr(0, text.find_first_of("?#"));
    const std::size_t user = shown.rfind('@');
    return user == std::string::npos ? shown : shown.substr(user + 1);
  }
  const std::string port = part(url, CURLUPART_PORT);
  return fmt::format("{}://{}{}{}{}", part(url, CURLUPART_SCHEME), part(url, CURLUPART_HOST),
                     port.empty() ? "" : ":", port, part(url, CURLUPART_PATH));
}

UrlParts url_parts(const std::string& text) {
  const UrlHandle url = parse_url(text);
  const std::string scheme = part(url, CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return {};
  std::string host = part(url, CURLUPART_HOST);
  std::ranges::transform(host, host.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const std::string port = part(url, CURLUPART_PORT);
  const bool usual = port.empty() || port == (scheme == "http" ? "80" : "443");
  return {.origin = fmt::format("{}://{}{}{}", scheme, host, usual ? "" : ":", usual ? "" : port),
          .path = part(url, CURLUPART_PATH)};
}

}  // namespace geminga::net
