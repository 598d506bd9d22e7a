#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/principal.hpp"

namespace geminga::net {

/// ASCII case is ignored; for header names and tokens.
bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

/// Header fields in the order of the wire; a name may come several times. Names compare without case.
class HttpHeaders {
 public:
  using Field = std::pair<std::string, std::string>;

  HttpHeaders() = default;
  HttpHeaders(std::initializer_list<Field> fields) : fields_(fields) {}
  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  /// Replaces every field of that name.
  void set(std::string_view name, std::string value);
  /// The first value; empty when there is none.
  [[nodiscard]] std::string_view get(std::string_view name) const noexcept;
  [[nodiscard]] bool has(std::string_view name) const noexcept { return count(name) != 0; }
  [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
  [[nodiscard]] auto begin() const noexcept { return fields_.begin(); }
  [[nodiscard]] auto end() const noexcept { return fields_.end(); }

 private:
  std::vector<Field> fields_;
};

/// What a handler gets: a complete, decoded request that owns its bytes.
struct HttpRequest {
  std::string method;                 ///< as sent: "GET"; HEAD reaches a GET handler as "HEAD"
  std::string target;                 ///< as sent, still encoded
  std::vector<std::string> segments;  ///< decoded path: "/a/b%20c" is {"a", "b c"}; "/" is {""}
  std::vector<std::pair<std::string, std::string>> params;  ///< what the route's {names} matched
  std::vector<std::pair<std::string, std::string>> query;   ///< decoded, in order
  HttpHeaders headers;
  std::string body;
  std::string peer;  ///< "127.0.0.1:51234", "[::1]:51234"
  /// The common name of the client's certificate, which was verified; nothing where it showed none.
  std::optional<std::string> certificate_name = std::nullopt;
  auth::PrincipalPtr principal = nullptr;  ///< who sends it; nullptr where authentication is off

  /// The decoded path, "/a/b c".
  [[nodiscard]] std::string path() const;
  /// What `{name}` of the pattern matched; empty when the pattern has no such name.
  [[nodiscard]] std::string_view param(std::string_view name) const noexcept;
  /// The first query parameter of that name.
  [[nodiscard]] std::optional<std::string_view> query_value(std::string_view name) const noexcept;
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept { return headers.get(name); }
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;  ///< Content-Length, Connection and Date are the server's business
  std::string body;

  static HttpResponse text(int status, std::string body);
  /// `body` is serialized JSON.
  static HttpResponse json(int status, std::string body);
};

/// "Not Found"; "Status" for a number without a name of its own.
std::string_view reason_phrase(int status) noexcept;
/// The media type of a Content-Type value, lower-case, without parameters.
std::string media_type(std::string_view content_type);

}  // namespace geminga::net
