#include "orchestrator/services/results.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

constexpr std::size_t kErrorBytesMax = 64U << 10U;

ResultEvent about(const ToolSignal& signal, ResultStatus status, Timestamp now) {
  ResultEvent result;
  result.request_id = signal.request_id;
  result.status = status;
  result.tool = signal.tool_id;
  result.tool_path = signal.server_id + "/" + signal.tool_id;
  result.timestamp = now;
  return result;
}

/// The parts are JSON texts already; they are not parsed again.
JsonText result_object(const mcp::CallAnswer& answer) {
  std::string text =
      R"({"content":)" + answer.content + R"(,"isError":)" + (answer.is_error ? "true" : "false");
  if (!answer.structured.empty()) text += R"(,"structuredContent":)" + answer.structured;
  return text + "}";
}

}  // namespace

std::string text_of_content(std::string_view content_json) {
  const auto content = json::parse(content_json, nullptr, false);
  if (!content.is_array()) return {};
  std::string text;
  for (const auto& item : content) {
    if (!item.is_object() || !item.contains("text") || !item["text"].is_string()) continue;
    if (!text.empty()) text += '\n';
    text += item["text"].get_ref<const std::string&>();
  }
  return text;
}

ResultEvent answer_result(const ToolSignal& signal, const mcp::CallAnswer& answer, Timestamp now) {
  auto result = about(signal, answer.is_error ? ResultStatus::failed : ResultStatus::tool, now);
  result.result = result_object(answer);
  if (!answer.is_error) return result;
  auto text = text_of_content(answer.content);
  text = bounded_error(std::move(text));
  result.error = text.empty() ? "the tool reported an error without a text" : std::move(text);
  return result;
}

ResultBody result_body(const ToolSignal& signal, const ResultEvent& result) {
  auto body = to_json(result);
  if (body.size() <= kResultBytesMax) return {.json = std::move(body), .status = result.status};
  const auto why = fmt::format("the answer of {}/{} makes a result of {} bytes; {} is the limit",
                               signal.server_id, signal.tool_id, body.size(), kResultBytesMax);
  return {.json = to_json(failed_result(signal, why, result.timestamp)), .status = ResultStatus::failed};
}

std::string bounded_error(std::string text) {
  if (text.size() <= kErrorBytesMax) return text;
  const auto note = fmt::format("... ({} bytes, cut here)", text.size());
  auto end = kErrorBytesMax - note.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;  // not within a character
  return text.replace(end, text.size() - end, note);
}

ResultEvent failed_result(const ToolSignal& signal, std::string_view error, Timestamp now) {
  auto result = about(signal, ResultStatus::failed, now);
  result.error = bounded_error(std::string(error));
  return result;
}

ResultEvent plan_result(const Plan& plan, Timestamp now) {
  ResultEvent result;
  result.request_id = plan.request_id;
  result.status = ResultStatus::plan;
  result.plan = plan.plan;
  result.timestamp = now;
  return result;
}

ResultEvent executed_plan_result(const Plan& plan, const std::vector<ResultEvent>& answers, Timestamp now) {
  auto result = plan_result(plan, now);
  auto content = json::array();
  for (const auto& answer : answers) {
    const auto said = json::parse(answer.result, nullptr, false);
    if (!said.is_object() || !said.contains("content") || !said["content"].is_array()) continue;
    for (const auto& item : said["content"]) content.push_back(item);
  }
  result.result = json{{"content", std::move(content)}, {"isError", false}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
  if (result.result.size() <= kResultBytesMax / 2) return result;
  result.status = ResultStatus::failed;
  result.error = fmt::format("the answers of the plan's steps have {} bytes together; {} is the limit",
                             result.result.size(), kResultBytesMax / 2);
  result.result.clear();
  return result;
}

std::string arguments_hash(std::string_view arguments) {
  // FNV-1a, 64 bit: tells calls apart in records, protects nothing.
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : arguments) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return fmt::format("{:016x}", hash);
}

}  // namespace geminga::orchestrator
