// The first thing that reads a stranger's bytes after the HTTP parser: the request target, then the router.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "net/http_path.hpp"
#include "net/http_router.hpp"
#include "net/http_server.hpp"

namespace {

using namespace geminga::net;

Router make_router() {
  const HttpHandler nothing = [](HttpRequest, Responder) {};
  Router router;
  router.get("/", nothing);
  router.get("/jobs/{id}", nothing);
  router.get("/jobs/{id}/events", nothing);
  router.post("/jobs", nothing);
  return router;
}

/// The same parts, spelled by us.
std::string spell(const HttpTarget& target) {
  std::string text;
  for (const std::string& segment : target.segments) text += "/" + percent_encode(segment);
  char separator = '?';
  for (const auto& [name, value] : target.query) {
    text += separator + percent_encode(name) + "=" + percent_encode(value);
    separator = '&';
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Router kRouter = make_router();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto target = parse_target(bytes);
  if (!target) return 0;
  GEMINGA_ASSERT(bytes.starts_with('/') && !target->segments.empty());
  for (const std::string& segment : target->segments) {
    GEMINGA_ASSERT(segment != "." && segment != "..");
    GEMINGA_ASSERT(std::ranges::none_of(segment, [](char c) { return c == '/' || c == '\\' || c == '\0'; }));
  }
  const auto again = parse_target(spell(*target));
  GEMINGA_ASSERT(again && *again == *target);
  for (const std::string_view method : {"GET", "HEAD", "POST"}) {
    const RouteMatch match = kRouter.match(method, target->segments);
    GEMINGA_ASSERT(match.route == nullptr || match.allow.empty());
  }
  return 0;
}
