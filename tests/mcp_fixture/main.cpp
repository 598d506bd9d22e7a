// An MCP server on stdin and stdout that does what a test asks of it. See usage() and README.md.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <poll.h>
#include <string>
#include <string_view>
#include <unistd.h>

#include "fixture.hpp"

namespace geminga::fixture {
namespace {

json listed_tools() {
  json list = json::array();
  for (const ToolEntry& tool : tools()) {
    json entry{{"name", tool.name},
               {"description", tool.description},
               {"inputSchema", {{"type", "object"}, {"properties", {{"text", {{"type", "string"}}}}}}}};
    if (!tool.annotations.is_null()) entry["annotations"] = tool.annotations;
    if (entry["name"] == "structured")
      entry["outputSchema"] = {{"properties", {{"n", {{"type", "integer"}}}}}, {"required", {"n"}}};
    list.push_back(std::move(entry));
  }
  if (extra_tool_listed) list.push_back({{"name", "added"}, {"inputSchema", {{"type", "object"}}}});
  if (options.stateless) {
    for (const char* name : {"input", "task", "odd"})
      list.push_back({{"name", name}, {"inputSchema", {{"type", "object"}}}});
  }
  for (int i = 0; i < options.extra_tools; ++i)
    list.push_back({{"name", "extra_" + std::to_string(i)}, {"inputSchema", {{"type", "object"}}}});
  return list;
}

void list_tools(const json& id, const json& params) {
  if (unanswered_lists > 0) {
    --unanswered_lists;
    return;
  }
  const json all = listed_tools();
  if (options.endless_cursor) return answer(id, {{"tools", json::array()}, {"nextCursor", "again"}});
  if (options.page == 0) {
    json whole{{"tools", all}};
    if (options.ttl_ms >= 0) whole["ttlMs"] = options.ttl_ms;
    log_line("listed", "-", params);
    return answer(id, whole);
  }
  const std::size_t from = std::stoul(params.value("cursor", std::string("0")));
  const std::size_t to = std::min(all.size(), from + static_cast<std::size_t>(options.page));
  json page{{"tools", json::array()}};
  for (std::size_t i = from; i < to; ++i) page["tools"].push_back(all[i]);
  if (to < all.size()) page["nextCursor"] = std::to_string(to);
  answer(id, page);
}

void call_tool(const json& id, const json& params) {
  const std::string name = params.value("name", std::string());
  log_line("call", name, params);
  const Request request{id, params, params.value("arguments", json::object())};
  for (const ToolEntry& tool : tools()) {
    if (name == tool.name) return tool.run(request);
  }
  if (name.starts_with("extra_") || (name == "added" && extra_tool_listed)) return answer_text(id, name);
  refuse(id, -32602, "unknown tool " + name);
}

void take(const json& message) {
  const json id = message.value("id", json());
  if (!message.contains("method")) {
    if (const auto found = waiting_for_client.find(id.is_number_integer() ? id.get<int>() : -1);
        found != waiting_for_client.end())
      found->second(message);
    return;
  }
  const std::string method = message["method"];
  const json params = message.value("params", json::object());
  if (take_stateless(id, method, params)) return;
  if (method == "initialize") {
    answer(id, {{"protocolVersion", options.version},
                {"capabilities", {{"tools", {{"listChanged", true}}}}},
                {"serverInfo", {{"name", "fixture"}, {"version", "1"}}}});
  } else if (method == "tools/list") {
    list_tools(id, params);
  } else if (method == "tools/call") {
    call_tool(id, params);
  } else if (method == "ping") {
    answer(id, json::object());
  } else if (method == "notifications/cancelled") {
    cancelled[params.value("requestId", json()).dump()] = true;
    log_line("cancelled", params.value("reason", std::string("-")), params);
  } else if (!id.is_null()) {
    refuse(id, -32601, "no method " + method);
  }
}

void run_due() {
  for (std::size_t i = 0; i < later.size();) {
    if (later[i].due > Clock::now()) {
      ++i;
      continue;
    }
    auto run = std::move(later[i].run);
    later.erase(later.begin() + static_cast<std::ptrdiff_t>(i));
    run();
  }
}

int wait_ms() {
  int least = -1;
  for (const Later& one : later) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(one.due - Clock::now()).count();
    least = least < 0 ? static_cast<int>(std::max<long>(left, 0))
                      : std::min(least, static_cast<int>(std::max<long>(left, 0)));
  }
  return least;
}

void serve() {
  std::string input;
  char buffer[65536];
  while (true) {
    pollfd source{0, POLLIN, 0};
    if (::poll(&source, 1, wait_ms()) > 0) {
      const ssize_t count = ::read(0, buffer, sizeof buffer);
      if (count <= 0) {
        if (!options.ignore_term) return;
        ::pause();  // deaf to the polite way to end
        continue;
      }
      input.append(buffer, static_cast<std::size_t>(count));
      std::size_t start = 0;
      for (std::size_t end = input.find('\n'); end != std::string::npos; end = input.find('\n', start)) {
        const json message = json::parse(input.substr(start, end - start), nullptr, false);
        start = end + 1;
        if (message.is_object() && !options.silent) take(message);
      }
      input.erase(0, start);
    }
    run_due();
  }
}

int usage() {
  std::fputs(
      "usage: geminga_mcp_fixture [--log FILE] [--version V] [--extra-tools N] [--page N] [--delay-ms MIN "
      "MAX]\n"
      "         [--fail-percent N] [--fail-final-percent N] [--silent] [--garbage] [--ignore-term] "
      "[--endless-cursor] [--exit CODE]\n"
      "         [--stateless] [--unknown silent|deadly|late] [--ttl-ms N] [--tells-changes]\n"
      "GEMINGA_FIXTURE_LOG names the file when --log does not.\n",
      stderr);
  return 2;
}

bool read_options(int argc, char** argv) {
  if (const char* log = std::getenv("GEMINGA_FIXTURE_LOG"); log != nullptr) options.log = log;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name(argv[i]);
    const auto next = [&] { return ++i < argc ? argv[i] : const_cast<char*>(""); };
    if (name == "--log")
      options.log = next();
    else if (name == "--version")
      options.version = next();
    else if (name == "--extra-tools")
      options.extra_tools = std::atoi(next());
    else if (name == "--page")
      options.page = std::atoi(next());
    else if (name == "--delay-ms")
      options.delay_ms_min = std::atoi(next()), options.delay_ms_max = std::atoi(next());
    else if (name == "--fail-percent")
      options.fail_percent = std::atoi(next());
    else if (name == "--fail-final-percent")
      options.fail_final_percent = std::atoi(next());
    else if (name == "--silent")
      options.silent = true;
    else if (name == "--garbage")
      options.garbage = true;
    else if (name == "--ignore-term")
      options.ignore_term = true;
    else if (name == "--endless-cursor")
      options.endless_cursor = true;
    else if (name == "--stateless")
      options.stateless = true;
    else if (name == "--unknown")
      options.unknown = next();
    else if (name == "--ttl-ms")
      options.ttl_ms = std::atoi(next());
    else if (name == "--tells-changes")
      options.tells_changes = true;
    else if (name == "--exit")
      options.exit_code = std::atoi(next());
    else
      return false;
  }
  return true;
}

}  // namespace
}  // namespace geminga::fixture

int main(int argc, char** argv) {
  using namespace geminga::fixture;
  if (!read_options(argc, argv)) return usage();
  if (options.exit_code >= 0) {
    std::fputs("fixture: cannot work today\n", stderr);
    return options.exit_code;
  }
  if (options.ignore_term) ::signal(SIGTERM, SIG_IGN);
  if (options.garbage) {
    while (true) write_all("<html>this is no MCP server</html>\n");
  }
  serve();
  return 0;
}
