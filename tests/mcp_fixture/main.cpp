// An MCP server on stdin and stdout that does what a test asks of it. See usage() and README.md.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <map>
#include <poll.h>
#include <random>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <nlohmann/json.hpp>

namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

extern "C" char** environ;

struct Options {
  std::string log;  // one fsynced line for each invocation
  std::string version = "2025-11-25";
  int extra_tools = 0;
  int page = 0;  // tools in one page of tools/list; 0: all
  int delay_ms_min = 0;
  int delay_ms_max = 0;
  int fail_percent = 0;        // of `work`: retryable
  int fail_final_percent = 0;  // of `work`
  bool silent = false;
  bool garbage = false;
  bool ignore_term = false;
  bool endless_cursor = false;
  int exit_code = -1;
};

Options options;
bool extra_tool_listed = false;
int unanswered_lists = 0;
std::mt19937 randomness{std::random_device{}()};
int next_request = 1'000;
std::map<int, std::function<void(const json&)>> waiting_for_client;

struct Later {
  Clock::time_point due;
  std::function<void()> run;
};
std::vector<Later> later;
std::map<std::string, bool> cancelled;

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(1, text.data(), text.size());
    if (count < 0) std::_Exit(0);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

void send(const json& message) {
  write_all(message.dump() + "\n");
}
void answer(const json& id, const json& result) {
  send({{"jsonrpc", "2.0"}, {"id", id}, {"result", result}});
}
void refuse(const json& id, int code, const std::string& text) {
  send({{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", text}}}});
}
void answer_text(const json& id, const std::string& text, bool is_error = false) {
  answer(id, {{"content", {{{"type", "text"}, {"text", text}}}}, {"isError", is_error}});
}
void after(int delay_ms, std::function<void()> run) {
  later.push_back({Clock::now() + std::chrono::milliseconds{delay_ms}, std::move(run)});
}

// "<ms since 1970> <pid> <event> <tool> <idempotency key or -> <arguments>"
void log_line(const char* event, const std::string& tool, const json& params) {
  if (options.log.empty()) return;
  static const int kFile = ::open(options.log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const json meta = params.value("_meta", json::object());
  const std::string line =
      std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) + " " +
      std::to_string(::getpid()) + " " + event + " " + tool + " " +
      meta.value("idempotencyKey", std::string("-")) + " " +
      params.value("arguments", json::object()).dump() + "\n";
  if (::write(kFile, line.data(), line.size()) < 0 || ::fsync(kFile) != 0) std::_Exit(70);
}

struct Request {
  json id;
  json params;
  json arguments;
};

void tool_slow(const Request& request) {
  const int total_ms = request.arguments.value("ms", 100);
  const int steps = request.arguments.value("steps", 0);
  const json token = request.params.value("_meta", json::object()).value("progressToken", json());
  for (int step = 1; step <= steps && !token.is_null(); ++step) {
    after(total_ms * step / (steps + 1), [token, step, steps] {
      send({{"jsonrpc", "2.0"},
            {"method", "notifications/progress"},
            {"params",
             {{"progressToken", token}, {"progress", step}, {"total", steps}, {"message", "step"}}}});
    });
  }
  after(total_ms, [request] {
    if (!cancelled[request.id.dump()]) answer_text(request.id, "slow");
  });
}

void tool_work(const Request& request) {
  const int draw = std::uniform_int_distribution<int>(0, 99)(randomness);
  const int delay = std::uniform_int_distribution<int>(
      options.delay_ms_min, std::max(options.delay_ms_min, options.delay_ms_max))(randomness);
  after(delay, [request, draw] {
    if (draw < options.fail_percent) return refuse(request.id, -32000, "try again");
    if (draw < options.fail_percent + options.fail_final_percent)
      return refuse(request.id, -32602, "never works");
    answer_text(request.id, request.arguments.value("text", std::string("done")));
  });
}

// A daemon in the old manner: two forks, a session of its own, deaf to SIGTERM.
void tool_stubborn_daemon(const Request& request) {
  int pids[2];
  if (::pipe(pids) != 0) return refuse(request.id, -32000, "pipe");
  if (const pid_t child = ::fork(); child == 0) {
    ::setsid();
    const pid_t grandchild = ::fork();
    if (grandchild == 0) {
      ::signal(SIGTERM, SIG_IGN);
      ::signal(SIGHUP, SIG_IGN);
      for (const int fd : {0, 1, 2, pids[0], pids[1]}) ::close(fd);
      while (true) ::pause();
    }
    [[maybe_unused]] const ssize_t written = ::write(pids[1], &grandchild, sizeof grandchild);
    std::_Exit(0);
  }
  pid_t daemon = 0;
  [[maybe_unused]] const ssize_t got = ::read(pids[0], &daemon, sizeof daemon);
  ::close(pids[0]);
  ::close(pids[1]);
  answer_text(request.id, std::to_string(daemon));
}

void tool_env(const Request& request) {
  json variables = json::object();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    variables[std::string(text.substr(0, text.find('=')))] = text.substr(text.find('=') + 1);
  }
  char cwd[4096];
  variables["(cwd)"] = ::getcwd(cwd, sizeof cwd);
  json descriptors = json::array();
  for (int fd = 0; fd < 1'024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) descriptors.push_back(fd);
  }
  variables["(descriptors)"] = descriptors;
  answer_text(request.id, variables.dump());
}

void tool_ask(const Request& request) {
  const int id = next_request++;
  send({{"jsonrpc", "2.0"},
        {"id", id},
        {"method", request.arguments.value("method", std::string("roots/list"))}});
  waiting_for_client[id] = [request](const json& message) { answer_text(request.id, message.dump()); };
}

void tool_list_changed(const Request& request) {
  extra_tool_listed = true;
  unanswered_lists = request.arguments.value("unanswered", 0);
  send({{"jsonrpc", "2.0"}, {"method", "notifications/tools/list_changed"}});
  answer_text(request.id, "changed");
}

struct ToolEntry {
  const char* name;
  const char* description;
  json annotations;
  std::function<void(const Request&)> run;
};

const std::vector<ToolEntry>& tools() {
  static const std::vector<ToolEntry> kAll{
      {"echo",
       "Gives back the text.",
       {{"readOnlyHint", true}},
       [](const Request& r) {
         const json text = r.arguments.value("text", json(""));
         answer(r.id,
                {{"content", {{{"type", "text"}, {"text", text}}}}, {"structuredContent", {{"text", text}}}});
       }},
      {"slow",
       "Answers after `ms` milliseconds, with `steps` progress notifications.",
       {{"idempotentHint", true}},
       tool_slow},
      {"work", "Takes a random time and fails now and then, as the options of the program say.", nullptr,
       tool_work},
      {"delete",
       "Like work, but declared destructive.",
       {{"destructiveHint", true}, {"readOnlyHint", false}},
       tool_work},
      {"die", "Ends the process in the middle of the call.", nullptr, [](const Request&) { std::_Exit(3); }},
      {"never", "Does not answer.", nullptr, [](const Request&) {}},
      {"fail", "Answers with isError.", nullptr,
       [](const Request& r) { answer_text(r.id, r.arguments.value("text", std::string("failed")), true); }},
      {"refuse", "Answers with JSON-RPC error `code`, -32602 when none is given.", nullptr,
       [](const Request& r) { refuse(r.id, r.arguments.value("code", -32602), "refused"); }},
      {"big", "Answers with `bytes` bytes of text.", nullptr,
       [](const Request& r) {  // piece by piece: the test is about who reads it
         write_all("{\"jsonrpc\":\"2.0\",\"id\":" + r.id.dump() +
                   ",\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"");
         const std::string piece(1'000, 'x');
         for (int left = r.arguments.value("bytes", 1'000); left > 0; left -= 1'000)
           write_all(piece.substr(0, static_cast<std::size_t>(std::min(left, 1'000))));
         write_all("\"}]}}\n");
       }},
      {"flood", "Writes `lines` lines to stderr, then answers.", nullptr,
       [](const Request& r) {
         for (int i = 0; i < r.arguments.value("lines", 100'000); ++i)
           std::fprintf(stderr, "flood line %d\n", i);
         answer_text(r.id, "flooded");
       }},
      {"noise", "Writes lines to stdout that are no messages, invalid UTF-8 among them, then answers.",
       nullptr,
       [](const Request& r) {
         write_all(
             "Listening on port 3000\n\n{\"half\": "
             "\n\xFF\xFE\n[]\n{\"jsonrpc\":\"2.0\",\"id\":987654,\"result\":{}}\n");
         write_all("{\"jsonrpc\":\"2.0\",\"id\":" + r.id.dump() +
                   ",\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"a\xFFz\"}]}}\n");
       }},
      {"env", "Gives back the environment, `(cwd)` and the open `(descriptors)` as a JSON object.", nullptr,
       tool_env},
      {"ask", "Sends request `method` to the client and gives back its answer.", nullptr, tool_ask},
      {"list_changed",
       "Adds a tool `added` and says so; leaves the next `unanswered` lists without an answer.", nullptr,
       tool_list_changed},
      {"stubborn_daemon", "Starts a daemon that ignores SIGTERM; gives back its pid.", nullptr,
       tool_stubborn_daemon},
      {"close_stdout", "Closes stdout and lives on.", nullptr, [](const Request&) { ::close(1); }},
  };
  return kAll;
}

json listed_tools() {
  json list = json::array();
  for (const ToolEntry& tool : tools()) {
    json entry{{"name", tool.name},
               {"description", tool.description},
               {"inputSchema", {{"type", "object"}, {"properties", {{"text", {{"type", "string"}}}}}}}};
    if (!tool.annotations.is_null()) entry["annotations"] = tool.annotations;
    list.push_back(std::move(entry));
  }
  if (extra_tool_listed) list.push_back({{"name", "added"}, {"inputSchema", {{"type", "object"}}}});
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
  if (options.page == 0) return answer(id, {{"tools", all}});
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
    else if (name == "--exit")
      options.exit_code = std::atoi(next());
    else
      return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
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
