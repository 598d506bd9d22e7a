#pragma once

#include <string>

#include "net/http_router.hpp"

namespace geminga::net {

/// An OpenAPI 3.1 document of every route of a router, as JSON: paths, parameters, bodies, what a route needs
/// (`x-needs`) and whether it asks for a token. Made from the router itself, so it shows what is served. What
/// the bodies mean stands in docs/reference.
std::string openapi_document(const Router& router, const std::string& version);

}  // namespace geminga::net
