#include "cli/place.hpp"

#include <gtest/gtest.h>

#include "cli/serve_settings.hpp"

namespace geminga::cli {
namespace {

TEST(Place, EveryPathInTheFileIsRelativeToItsFolderWhereverItWasStarted) {
  ServeSettings settings;
  const auto applied = apply_settings_file(settings, R"toml(
data_dir = "data"
bus = "embedded:data"
mcp = "mcp.json"
rules = "/elsewhere/rules.toml"
[auth]
token_secret_key = "not-there.key"
[orchestrator]
webhook_secret_key = "file://hooks.key"
[planner]
url = "http://127.0.0.1:1/v1"
model = "m"
key_file = "model.key"
)toml",
                                           "/etc/geminga/geminga.toml");
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ(settings.data_dir, "/etc/geminga/data");
  EXPECT_EQ(settings.bus_url, "embedded:/etc/geminga/data");
  EXPECT_EQ(settings.mcp, "/etc/geminga/mcp.json");
  EXPECT_EQ(settings.rules, "/elsewhere/rules.toml");
  EXPECT_EQ(settings.auth.token_secret_key, "/etc/geminga/not-there.key") << "though it is not there";
  EXPECT_EQ(settings.orchestrator.webhook_secret_key, "file:///etc/geminga/hooks.key");
  EXPECT_EQ(settings.planner.key_file, "/etc/geminga/model.key");
}

TEST(Place, WhatIsNoPathStaysAsItIs) {
  const std::string key(44, 'A');  // 33 bytes in base64
  for (const std::string& value : {key, "data:;base64," + key}) {
    ServeSettings settings;
    ASSERT_TRUE(apply_settings_file(settings,
                                    "bus = 'pulsar://h:6650'\n[auth]\ntoken_secret_key = '" + value + "'\n",
                                    "/etc/geminga.toml"));
    EXPECT_EQ(settings.auth.token_secret_key, value);
    EXPECT_EQ(settings.bus_url, "pulsar://h:6650");
  }
}

}  // namespace
}  // namespace geminga::cli
