#include <fstream>
#include <regex>
#include <set>

#include <gtest/gtest.h>

#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator {
namespace {

/// "POST /api/orchestrator/jobs" of every route that the page shows in its table.
std::set<std::string> documented_routes() {
  std::ifstream in(GEMINGA_SOURCE_DIR "/docs/reference/http-orchestrator.md");
  const std::regex route("^\\| `([A-Z]+ /api/orchestrator[^ `?\\[]*)");
  std::set<std::string> found;
  for (std::string line; std::getline(in, line);)
    if (std::smatch match; std::regex_search(line, match, route)) found.insert(match[1].str());
  return found;
}

TEST(OrchestratorReference, ShowsEveryRouteAndNoOther) {
  testing::World world;
  world.start();
  std::set<std::string> routes;
  for (const net::Route* route : world.router().routes()) routes.insert(route->method + " " + route->pattern);
  EXPECT_EQ(routes, documented_routes());
}

}  // namespace
}  // namespace geminga::orchestrator
