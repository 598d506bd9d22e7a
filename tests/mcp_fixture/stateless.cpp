// Requests that stand for themselves: discovery, tools that ask for more, tasks, a stream of changes.
#include <string>
#include <utility>

#include "fixture.hpp"

namespace geminga::fixture {
namespace {

const char* const kPrefix = "io.modelcontextprotocol/";
json listener;   // id of the request that listens
json undecided;  // id of the discovery that is answered late

struct TaskState {
  int polls = 0;
  json arguments;
  bool answered = false;
};
std::map<std::string, TaskState> tasks;

void complete(const json& id, json result) {
  result["resultType"] = "complete";
  answer(id, result);
}

json content(const std::string& text) {
  return {{"content", {{{"type", "text"}, {"text", text}}}}};
}

json question() {
  return json::parse(R"({"name": {"method": "elicitation/create", "params": {"message": "who?",
      "requestedSchema": {"properties": {"name": {"default": "nobody"}}}}}})");
}

void tell(const char* method, json params) {
  params["_meta"][std::string(kPrefix) + "subscriptionId"] = listener;
  write_all(json{{"jsonrpc", "2.0"}, {"method", method}, {"params", params}}.dump() + "\n");
}

// `input`: asks who, `rounds` times, and gives back what came. `task`: done after `polls` polls, as `end`
// says.
bool call(const json& id, const json& params) {
  const std::string tool = params.value("name", std::string());
  const json arguments = params.value("arguments", json::object());
  if (tool == "input") {
    log_line("call", tool, params);
    const int done =
        params.contains("requestState") ? std::stoi(params["requestState"].get<std::string>()) : 0;
    if (done < arguments.value("rounds", 1)) {
      answer(id, {{"resultType", "input_required"},
                  {"inputRequests", question()},
                  {"requestState", std::to_string(done + 1)}});
    } else {
      complete(id, content(params.value("inputResponses", json()).dump()));
    }
    return true;
  }
  if (tool == "task") {
    log_line("call", tool, params);
    const std::string task = "task-" + std::to_string(tasks.size() + 1);
    tasks[task] = {.polls = arguments.value("polls", 2), .arguments = arguments};
    answer(id, {{"resultType", "task"}, {"taskId", task}, {"status", "working"}, {"pollIntervalMs", 20}});
    return true;
  }
  if (tool == "odd") return answer(id, {{"resultType", "odd"}}), true;
  return false;
}

void get_task(const json& id, const std::string& name) {
  TaskState& task = tasks.at(name);
  json result{{"taskId", name}, {"pollIntervalMs", 20}, {"status", "working"}, {"statusMessage", "busy"}};
  if (task.polls-- <= 0) {
    const std::string end = task.arguments.value("end", std::string("completed"));
    const bool asks = end == "input_required" && !task.answered;
    result["status"] = end == "input_required" && task.answered ? "completed" : end;
    if (asks) result["inputRequests"] = question();
    if (end == "failed") result["error"] = {{"code", -32000}, {"message", "no luck"}};
    if (result["status"] == "completed") result["result"] = content("done by " + name);
  }
  complete(id, result);
}

bool take_task(const json& id, const std::string& method, const json& params) {
  const std::string name = params.value("taskId", std::string());
  log_line(method.c_str() + 6, name, params);
  if (!tasks.contains(name)) return refuse(id, -32602, "no such task"), true;
  if (method == "tasks/get") return get_task(id, name), true;
  if (method == "tasks/update") tasks[name].answered = true;
  return complete(id, json::object()), true;
}

void tell_who(const json& id) {
  complete(id, {{"supportedVersions", {"2026-07-28"}},
                {"capabilities", {{"tools", {{"listChanged", options.tells_changes}}}}},
                {"_meta", {{std::string(kPrefix) + "serverInfo", {{"name", "fixture"}, {"version", "1"}}}}}});
}

}  // namespace

void tell_list_changed() {
  if (!listener.is_null()) tell("notifications/tools/list_changed", json::object());
}

bool take_stateless(const json& id, const std::string& method, const json& params) {
  if (method == "server/discover" && options.unknown == "silent") return true;
  if (method == "server/discover" && options.unknown == "deadly") std::_Exit(4);
  if (!options.stateless) return false;
  const json meta = params.value("_meta", json::object());
  if (!id.is_null() && meta.value(std::string(kPrefix) + "protocolVersion", std::string()) != "2026-07-28") {
    refuse(id, -32022, "only 2026-07-28");
    if (!undecided.is_null()) tell_who(std::exchange(undecided, json()));
  } else if (method == "server/discover" && options.unknown == "late") {
    undecided = id;
  } else if (method == "server/discover") {
    tell_who(id);
  } else if (method == "subscriptions/listen") {
    listener = id;
    tell("notifications/subscriptions/acknowledged", {{"notifications", {{"toolsListChanged", true}}}});
  } else if (method.starts_with("tasks/")) {
    return take_task(id, method, params);
  } else {
    return method == "tools/call" && call(id, params);
  }
  return true;
}

}  // namespace geminga::fixture
