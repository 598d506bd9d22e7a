#include "cli/answer.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/output.hpp"

namespace geminga::cli {
namespace {

using nlohmann::ordered_json;

/// One item of MCP's content list, for people.
void print_content(const ordered_json& item) {
  const std::string type = item.value("type", "");
  if (type == "text") {
    print_text(item.value("text", ""));
    print_line("");
  } else if (type == "resource_link") {
    print_line(
        fmt::format("[{}] {}", printable(item.value("name", "resource")), printable(item.value("uri", ""))));
  } else if (type == "resource" && item.contains("resource") && item["resource"].contains("text")) {
    print_text(item["resource"].value("text", ""));
    print_line("");
  } else {
    print_line(fmt::format("[{} {}, {} bytes of base64]", printable(type),
                           printable(item.value("mimeType", "")), item.value("data", "").size()));
  }
}

void print_plan(const ordered_json& plan) {
  std::size_t number = 0;
  for (const auto& step : plan) {
    std::string line =
        fmt::format("{}. {}", ++number, step.is_object() ? step.value("description", "") : step.dump());
    if (step.is_object() && step.contains("toolId")) {
      line += fmt::format(" [{}/{}]", step.value("serverId", ""), step.value("toolId", ""));
    }
    print_text(line);
    print_line("");
  }
}

}  // namespace

void print_answer(const ordered_json& answer) {
  if (answer.contains("plan") && answer["plan"].is_array()) print_plan(answer["plan"]);
  if (!answer.contains("result") || answer["result"].is_null()) return;
  const ordered_json& result = answer["result"];
  const ordered_json& content = result.is_object() && result.contains("content") ? result["content"] : result;
  if (content.is_array()) {
    for (const auto& item : content) {
      if (item.is_object()) print_content(item);
    }
  } else if (result.is_object() && result.contains("plan") && result["plan"].is_array()) {
    print_plan(result["plan"]);
  } else {
    print_text(result.is_string() ? result.get<std::string>() : result.dump(2));
    print_line("");
  }
}

std::string answer_summary(const ordered_json& answer, double milliseconds) {
  std::string how = answer.value("status", "answer");
  if (answer.contains("toolPath") && answer["toolPath"].is_string())
    how += " " + answer["toolPath"].get<std::string>();
  else if (answer.contains("tool") && answer["tool"].is_string())
    how += " " + answer["tool"].get<std::string>();
  return fmt::format("({}, request {}, {})", how, answer.value("requestId", "?"),
                     human_duration(milliseconds));
}

}  // namespace geminga::cli
