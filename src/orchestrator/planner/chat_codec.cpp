#include "orchestrator/planner/chat_codec.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/try.hpp"
#include "net/http_message.hpp"
#include "orchestrator/events/schema_check.hpp"
#include "wire/mcp/sse_parser.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

constexpr std::size_t kEventBytesMax = std::size_t{1} << 20U;
constexpr std::size_t kErrorBytesMax = 500;

/// A text member, or empty: servers write null as well as nothing.
std::string text_member(const json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string error_text(const json& body) {
  if (!body.is_object() || !body.contains("error")) return {};
  const json& error = body["error"];
  return error.is_string() ? error.get<std::string>() : text_member(error, "message");
}

/// The first choice, whole or as a piece. nullptr where there is none.
const json* first_choice(const json& body) {
  if (!body.is_object()) return nullptr;
  const auto choices = body.find("choices");
  if (choices == body.end() || !choices->is_array() || choices->empty() || !choices->front().is_object())
    return nullptr;
  return &choices->front();
}

/// What has been said so far and how it ended.
struct Said {
  std::string content;
  std::string refusal;
  std::string finish;

  void add(const json& message, const json& choice) {
    content += text_member(message, "content");
    refusal += text_member(message, "refusal");
    if (auto reason = text_member(choice, "finish_reason"); !reason.empty()) finish = std::move(reason);
  }
};

Result<std::string> ended(Said said) {
  if (!said.refusal.empty())
    return fail(ErrorCode::unavailable, "the model refused: " + said.refusal.substr(0, kErrorBytesMax));
  if (said.finish.empty()) return fail(ErrorCode::unavailable, "the model's answer was cut before its end");
  if (said.finish != "stop")
    return fail(ErrorCode::unavailable, fmt::format("the model stopped by '{}'", said.finish));
  return std::move(said.content);
}

Result<std::string> streamed(std::string_view body) {
  wire::mcp::SseParser parser(kEventBytesMax);
  std::vector<wire::mcp::SseEvent> events;
  GEMINGA_TRY_VOID(parser.feed(body, events));
  Said said;
  for (const auto& event : events) {
    if (event.data == "[DONE]") break;
    GEMINGA_TRY(const json piece, parse_json(event.data));
    if (const auto error = error_text(piece); !error.empty())
      return fail(ErrorCode::unavailable, "the model's server: " + error.substr(0, kErrorBytesMax));
    if (const json* choice = first_choice(piece)) said.add(choice->value("delta", json::object()), *choice);
  }
  return ended(std::move(said));
}

}  // namespace

std::string chat_request(std::string_view model, const std::vector<ChatMessage>& messages, bool stream,
                         const ChatExtras& extras) {
  json list = json::array();
  for (const ChatMessage& message : messages)
    list.push_back({{"role", message.role}, {"content", message.content}});
  json body = {{"model", model}, {"messages", std::move(list)}, {"stream", stream}};
  if (extras.temperature) body["temperature"] = 0;
  if (extras.response_format) body["response_format"] = {{"type", "json_object"}};
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

ChatExtras without_refused(ChatExtras sent, int status, std::string_view body) {
  if (status != 400 && status != 422) return sent;
  if (body.contains("temperature")) sent.temperature = false;
  if (body.contains("response_format")) sent.response_format = false;
  return sent;
}

Result<std::string> chat_answer(std::string_view content_type, std::string_view body) {
  // What came counts, not what was asked for: some servers stream always or never.
  if (net::media_type(content_type) == "text/event-stream") return streamed(body);
  const auto answer = parse_json(body);
  if (!answer)
    return fail(ErrorCode::parse_error, "the model's server answered no JSON: " + answer.error().message);
  if (const auto error = error_text(*answer); !error.empty())
    return fail(ErrorCode::unavailable, "the model's server: " + error.substr(0, kErrorBytesMax));
  const json* choice = first_choice(*answer);
  if (choice == nullptr || !choice->contains("message"))
    return fail(ErrorCode::parse_error,
                "the model's server answered no chat completion; is the URL that of an OpenAI-compatible API "
                "(.../v1)?");
  Said said;
  said.add(choice->at("message"), *choice);
  return ended(std::move(said));
}

std::string chat_error(int status, std::string_view body) {
  std::string text;
  if (const auto parsed = parse_json(body)) text = error_text(*parsed);
  if (text.empty()) return fmt::format("HTTP {}", status);
  return fmt::format("HTTP {}: {}", status, text.substr(0, kErrorBytesMax));
}

}  // namespace geminga::orchestrator
