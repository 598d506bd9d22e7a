// The tools, and how the fixture speaks and remembers.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <random>
#include <unistd.h>

#include "fixture.hpp"

extern "C" char** environ;

namespace geminga::fixture {

Options options;
bool extra_tool_listed = false;
int unanswered_lists = 0;
std::map<int, std::function<void(const json&)>> waiting_for_client;
std::vector<Later> later;
std::map<std::string, bool> cancelled;

namespace {

std::mt19937 randomness{std::random_device{}()};
int next_request = 1'000;

void send(const json& message) {
  write_all(message.dump() + "\n");
}
void after(int delay_ms, std::function<void()> run) {
  later.push_back({Clock::now() + std::chrono::milliseconds{delay_ms}, std::move(run)});
}

}  // namespace

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(1, text.data(), text.size());
    if (count < 0) std::_Exit(0);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

void answer(const json& id, const json& result) {
  send({{"jsonrpc", "2.0"}, {"id", id}, {"result", result}});
}
void refuse(const json& id, int code, const std::string& text) {
  send({{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", text}}}});
}
void answer_text(const json& id, const std::string& text, bool is_error) {
  answer(id, {{"content", {{{"type", "text"}, {"text", text}}}}, {"isError", is_error}});
}
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
  const bool invoked = std::string_view(event) == "call";
  if (::write(kFile, line.data(), line.size()) < 0 || (invoked && ::fsync(kFile) != 0)) std::_Exit(70);
}

namespace {

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
    const bool again = draw < options.fail_percent;
    const bool never = !again && draw < options.fail_percent + options.fail_final_percent;
    log_line("answer", again ? "try_again" : never ? "never" : "ok", request.params);
    if (again) return refuse(request.id, -32000, "try again");
    if (never) return refuse(request.id, -32602, "never works");
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
  if (options.stateless) {
    tell_list_changed();
  } else {
    send({{"jsonrpc", "2.0"}, {"method", "notifications/tools/list_changed"}});
  }
  answer_text(request.id, "changed");
}

}  // namespace

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
      {"structured",
       "Gives back `value` as its structured answer; its outputSchema wants a whole number `n`.", nullptr,
       [](const Request& r) {
         json result{{"content", json::array()}, {"isError", r.arguments.value("isError", false)}};
         if (r.arguments.contains("value")) result["structuredContent"] = r.arguments["value"];
         answer(r.id, result);
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
      {"pester", "Sends pings without end and reads no answer.", nullptr,
       [](const Request&) {
         while (true) send({{"jsonrpc", "2.0"}, {"id", next_request++}, {"method", "ping"}});
       }},
      {"close_stdout", "Closes stdout and lives on.", nullptr, [](const Request&) { ::close(1); }},
  };
  return kAll;
}

}  // namespace geminga::fixture
