#pragma once

#include <string>

#include <geminga/error.hpp>

#include "net/public_address.hpp"

namespace geminga::net {

/// Errors: invalid_argument unless it is an http or https URL.
Result<> check_url(const std::string& url);
/// See kind_of_host().
AddressKind kind_of_url(const std::string& url);
/// True where its host is this machine by name or address; no proxy leads there.
bool is_loopback_url(const std::string& url);
/// scheme://host:port/path: what may stand in logs and errors, without user, query and fragment.
std::string loggable_url(const std::string& url);

struct UrlParts {
  std::string origin;  ///< scheme://host[:port], lower-case, without the port that the scheme has anyhow
  std::string path;    ///< "/" or longer
};
/// Both are empty unless it is an http or https URL.
UrlParts url_parts(const std::string& url);

}  // namespace geminga::net
