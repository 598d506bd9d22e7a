#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

/// What the parts of the fixture share. One thread; state is global, as the program is one server.
namespace geminga::fixture {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

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
  bool stateless = false;      // speaks protocol 2026-07-28 only
  std::string unknown;         // methods before initialize: "" are refused, "silent", "deadly", "late"
  int ttl_ms = -1;             // of tools/list; negative: none
  bool tells_changes = false;  // of the list, to who listens
  int exit_code = -1;
};
extern Options options;

// tools.cpp: what tools leave behind for the loop.
extern bool extra_tool_listed;
extern int unanswered_lists;
extern std::map<int, std::function<void(const json&)>> waiting_for_client;
struct Later {
  Clock::time_point due;
  std::function<void()> run;
};
extern std::vector<Later> later;
extern std::map<std::string, bool> cancelled;

void write_all(std::string_view text);
void answer(const json& id, const json& result);
void refuse(const json& id, int code, const std::string& text);
void answer_text(const json& id, const std::string& text, bool is_error = false);
/// "<ms since 1970> <pid> <event> <tool> <idempotency key or -> <arguments>"
void log_line(const char* event, const std::string& tool, const json& params);

struct Request {
  json id;
  json params;
  json arguments;
};
struct ToolEntry {
  const char* name;
  const char* description;
  json annotations;
  std::function<void(const Request&)> run;
};
const std::vector<ToolEntry>& tools();

// stateless.cpp: what only protocol 2026-07-28 has. True where it has answered.
bool take_stateless(const json& id, const std::string& method, const json& params);
/// A change of the list, told to who listens.
void tell_list_changed();

}  // namespace geminga::fixture
