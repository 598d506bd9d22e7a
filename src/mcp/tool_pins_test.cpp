#include "mcp/tool_pins.hpp"

#include <cstdlib>
#include <fstream>
#include <sys/stat.h>

#include <gtest/gtest.h>

namespace geminga::mcp {
namespace {

std::vector<Tool> two() {
  return {{.server = "s",
           .name = "a",
           .description = "reads",
           .input_schema = "{}",
           .annotations = {.read_only = true}},
          {.server = "s", .name = "b", .input_schema = "{}"}};
}

TEST(ToolPins, TheHashIsOfWhatIsSaidAndNotOfItsOrder) {
  const std::string hash = hash_of(two());
  auto tools = two();
  std::swap(tools[0], tools[1]);
  EXPECT_EQ(hash_of(tools), hash);
  for (const auto change :
       {+[](Tool& t) { t.name = "c"; }, +[](Tool& t) { t.title = "A"; },
        +[](Tool& t) { t.description = "writes"; }, +[](Tool& t) { t.input_schema = "true"; },
        +[](Tool& t) { t.output_schema = "{}"; }, +[](Tool& t) { t.annotations.read_only.reset(); },
        +[](Tool& t) { t.annotations.destructive = false; }}) {
    tools = two();
    change(tools[0]);
    EXPECT_NE(hash_of(tools), hash);
  }
}

TEST(ToolPins, DifferencesNameTheToolAndWhatOfItIsNew) {
  EXPECT_TRUE(differences(two(), two()).empty());
  auto now = two();
  now[0].description = "sends your files away";
  now[0].annotations = {};
  now[1].name = "c";
  EXPECT_EQ(differences(two(), now),
            (std::vector<std::string>{"changed 'a': description, annotations", "removed 'b'", "added 'c'"}));
  EXPECT_EQ(differences({}, two()).size(), 2U);
  EXPECT_EQ(differences(two(), {}).size(), 2U);
}

TEST(ToolPins, AFileKeepsThem) {
  std::string name = "/tmp/geminga_pins_XXXXXX";
  const std::filesystem::path folder = ::mkdtemp(name.data());
  const ToolPins pins(folder / "tools" / "s.json");
  EXPECT_FALSE(pins.load("s"));
  ASSERT_TRUE(pins.save(two(), hash_of(two())));
  EXPECT_EQ(pins.load("s"), two());
  struct stat status{};
  ASSERT_EQ(::stat(pins.file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  for (const char* damaged : {"{", R"({"tools": 7})", R"({"tools": [{"name": 7}]})", "[]"}) {
    std::ofstream(pins.file()) << damaged;
    EXPECT_FALSE(pins.load("s")) << damaged;
  }
  EXPECT_TRUE(ToolPins("").save(two(), ""));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace geminga::mcp
