#include "net/openapi.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "net/http_server.hpp"

namespace geminga::net {
namespace {

using nlohmann::json;

TEST(Openapi, ShowsEveryRouteAndWhatItNeeds) {
  Router router;
  const HttpHandler nothing = [](const HttpRequest&, Responder) {};
  router.get("/healthz", nothing, auth::Need::nothing);
  router.post("/api/jobs", nothing, auth::Need::query);
  router.get("/api/jobs/{id}/events/{number}", nothing, auth::Need::query);
  router.post_empty("/api/jobs/{id}/cancel", nothing);
  const auto document = json::parse(openapi_document(router, "1.2"));
  EXPECT_EQ(document["info"]["version"], "1.2");
  ASSERT_EQ(document["paths"].size(), 4U);
  EXPECT_EQ(document["paths"]["/healthz"]["get"]["security"], json::array());
  const auto& ask = document["paths"]["/api/jobs"]["post"];
  EXPECT_EQ(ask["operationId"], "post_api_jobs");
  EXPECT_EQ(ask["x-needs"], "query");
  EXPECT_TRUE(ask["requestBody"]["content"].contains("application/json"));
  EXPECT_EQ(ask["security"][0].size(), 1U);
  const auto& events = document["paths"]["/api/jobs/{id}/events/{number}"]["get"];
  ASSERT_EQ(events["parameters"].size(), 2U);
  EXPECT_EQ(events["parameters"][1]["name"], "number");
  const auto& cancel = document["paths"]["/api/jobs/{id}/cancel"]["post"];
  EXPECT_FALSE(cancel.contains("requestBody"));
  EXPECT_EQ(cancel["x-needs"], "superuser");
}

}  // namespace
}  // namespace geminga::net
