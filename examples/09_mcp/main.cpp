// The MCP client alone: the servers of an mcp.json, their tools, and a call of one.
#include <condition_variable>
#include <cstdio>
#include <future>
#include <string_view>

#include "mcp/reaper.hpp"
#include "mcp/registry.hpp"

using namespace geminga;

int main(int argc, char** argv) {
  // Each stdio server runs below a small process that ends it with everything it started, whatever becomes of
  // us: this program once more.
  if (argc > 1 && std::string_view(argv[1]) == "mcp-reaper") return mcp::reaper_main(argc - 2, argv + 2);
  if (argc != 2) return std::fprintf(stderr, "usage: %s MCP.JSON\n", argv[0]), 2;

  mcp::RegistryOptions options{.config_file = argv[1]};
  options.settings["demo"].timeout = std::chrono::seconds{10};
  auto opened = mcp::open_registry(std::move(options));
  if (!opened) return std::fprintf(stderr, "%s\n", opened.error().message.c_str()), 1;
  mcp::Registry& registry = **opened;

  std::promise<void> settled;  // every server has listed its tools, or failed to
  registry.when_settled([&settled] { settled.set_value(); });
  settled.get_future().wait();
  for (const mcp::ServerStatus& server : registry.status().servers)
    std::printf("%s: %s, protocol %s\n", server.name.c_str(), std::string(to_string(server.state)).c_str(),
                server.protocol_version.c_str());

  const mcp::CataloguePtr catalogue = registry.catalogue();
  const mcp::Tool* echo = catalogue->find("demo", "echo");
  if (echo == nullptr) return std::fprintf(stderr, "no tool 'echo' on server 'demo'\n"), 1;
  std::printf("echo: %s\nit changes nothing: %s\n", echo->description.c_str(),
              echo->annotations.repeatable() ? "yes" : "not that it says so");

  const auto call = [&registry](const char* tool, const char* arguments) {
    std::promise<mcp::CallOutcome> promise;
    registry.call("demo", tool, arguments, {},
                  [&promise](mcp::CallOutcome ended) { promise.set_value(std::move(ended)); });
    return promise.get_future().get();
  };
  if (const auto answer = call("echo", R"({"text": "hello"})"))
    std::printf("answer: %s\n", answer->content.c_str());
  // A failure says what it means for another try.
  if (const auto answer = call("no_such_tool", "{}"); !answer)
    std::printf("%s: %s\n", std::string(to_string(answer.error().kind)).c_str(),
                answer.error().error.message.c_str());
  registry.stop();
}
