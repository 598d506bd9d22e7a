#include "net/http_router.hpp"

#include <gtest/gtest.h>

#include "net/http_path.hpp"
#include "net/http_server.hpp"

namespace geminga::net {
namespace {

const HttpHandler kNothing = [](HttpRequest, Responder) {};

Router some_routes() {
  Router router;
  router.get("/", kNothing);
  router.get("/jobs", kNothing);
  router.post("/jobs", kNothing);
  router.get("/jobs/{id}", kNothing);
  router.get("/jobs/recent", kNothing);
  router.post_empty("/jobs/{id}/cancel", kNothing);
  router.get("/jobs/{id}/events/{number}", kNothing);
  router.get("/metrics/", kNothing);
  return router;
}

RouteMatch match(const Router& router, std::string_view method, std::string_view path) {
  return router.match(method, parse_target(path).value().segments);
}

std::string pattern(const Router& router, std::string_view method, std::string_view path) {
  const RouteMatch found = match(router, method, path);
  return found.route == nullptr ? "none, allow: " + found.allow : found.route->pattern;
}

TEST(HttpRouter, FindsTheRouteOfMethodAndPath) {
  const Router router = some_routes();
  EXPECT_EQ(pattern(router, "GET", "/"), "/");
  EXPECT_EQ(pattern(router, "GET", "/jobs"), "/jobs");
  EXPECT_EQ(pattern(router, "HEAD", "/jobs"), "/jobs");
  EXPECT_EQ(pattern(router, "GET", "/jobs/recent"), "/jobs/recent");
  EXPECT_EQ(pattern(router, "GET", "/jobs/recen"), "/jobs/{id}");
  EXPECT_EQ(pattern(router, "POST", "/jobs/recent/cancel"), "/jobs/{id}/cancel");
  EXPECT_EQ(pattern(router, "GET", "/metrics/"), "/metrics/");
}

TEST(HttpRouter, NamesWhatThePatternMatched) {
  const Router router = some_routes();
  const RouteMatch found = match(router, "GET", "/jobs/a%20b/events/7");
  EXPECT_EQ(found.params, (std::vector<std::pair<std::string, std::string>>{{"id", "a b"}, {"number", "7"}}));
}

TEST(HttpRouter, TellsTheWrongMethodFromTheWrongPath) {
  const Router router = some_routes();
  EXPECT_EQ(pattern(router, "DELETE", "/jobs"), "none, allow: GET, HEAD, POST");
  EXPECT_EQ(pattern(router, "GET", "/jobs/1/cancel"), "none, allow: POST");
  EXPECT_EQ(pattern(router, "get", "/jobs"), "none, allow: GET, HEAD, POST");
  for (const auto* path :
       {"/job", "/Jobs", "/jobs/", "/jobs/1/cancel/", "/jobs/1/events", "/metrics", "/jobs;x"})
    EXPECT_EQ(pattern(router, "GET", path), "none, allow: ") << path;
}

TEST(HttpRouter, ListsItsRoutesInOrder) {
  const Router router = some_routes();
  const auto routes = router.routes();
  ASSERT_EQ(routes.size(), 8U);
  EXPECT_EQ(routes[2]->method, "POST");
  EXPECT_EQ(routes[2]->content_types, std::vector<std::string>{"application/json"});
  EXPECT_TRUE(routes[5]->content_types.empty());
}

TEST(HttpRouterDeathTest, ARouteThatIsThereTwiceIsABug) {
  Router router = some_routes();
  EXPECT_DEATH(router.get("/jobs/{other_name}", kNothing), "emplace");
  EXPECT_DEATH(router.get("jobs", kNothing), "starts_with");
}

}  // namespace
}  // namespace geminga::net
