#include "wire/mcp/json_rpc.hpp"

#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/try.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::wire::mcp {
namespace {

using nlohmann::json;

JsonPtr take(json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return nullptr;
  return std::make_shared<const json>(std::move(*found));
}

Result<> read_id(const json& object, Message& message) {
  const auto found = object.find("id");
  if (found == object.end() || found->is_null()) return {};
  if (!found->is_string() && !found->is_number())
    return fail(ErrorCode::protocol_error, "an id that is neither text nor number");
  message.id = to_text(*found);
  if (found->is_number_integer()) {
    message.number = found->get<std::int64_t>();
  } else if (found->is_number_float()) {  // 7.0 is what some languages make of 7
    const auto number = found->get<double>();
    if (number >= 0 && number < 9e15 && number == static_cast<double>(static_cast<std::int64_t>(number)))
      message.number = static_cast<std::int64_t>(number);
  }
  return {};
}

Result<Message> read_error(json& object, Message message) {
  const json& error = object.at("error");
  const auto code = error.is_object() ? error.find("code") : error.end();
  if (!error.is_object() || code == error.end() || !code->is_number_integer())
    return fail(ErrorCode::protocol_error, "an error without a code");
  message.kind = MessageKind::error;
  message.error_code = static_cast<int>(code->get<std::int64_t>());
  message.error_message = string_member(error, "message");
  return message;
}

Result<Message> read_message(json object) {
  if (!object.is_object()) return fail(ErrorCode::protocol_error, "a message that is no object");
  if (string_member(object, "jsonrpc") != "2.0")
    return fail(ErrorCode::protocol_error, "a message without \"jsonrpc\": \"2.0\"");
  Message message;
  GEMINGA_TRY_VOID(read_id(object, message));
  if (object.contains("method")) {
    message.method = string_member(object, "method");
    if (message.method.empty()) return fail(ErrorCode::protocol_error, "a method that is no text");
    message.kind = message.id.empty() ? MessageKind::notification : MessageKind::request;
    message.body = take(object, "params");
    return message;
  }
  if (object.contains("error") && !object.at("error").is_null())
    return read_error(object, std::move(message));
  if (message.id.empty() || !object.contains("result"))
    return fail(ErrorCode::protocol_error, "neither request, notification, result nor error");
  message.kind = MessageKind::response;
  message.body = std::make_shared<const json>(std::move(object.at("result")));
  return message;
}

std::optional<std::int64_t> number_at(std::string_view text, char end) {
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop == text.data() + text.size() || *stop != end) return std::nullopt;
  return number;
}

}  // namespace

Result<std::vector<Message>> decode(std::string_view text) {
  GEMINGA_TRY(json value, parse_json(text));
  std::vector<Message> messages;
  if (!value.is_array()) {
    GEMINGA_TRY(Message message, read_message(std::move(value)));
    messages.push_back(std::move(message));
    return messages;
  }
  if (value.empty()) return fail(ErrorCode::protocol_error, "an empty batch");
  messages.reserve(value.size());
  for (json& element : value) {
    GEMINGA_TRY(Message message, read_message(std::move(element)));
    messages.push_back(std::move(message));
  }
  return messages;
}

std::string encode_request(std::int64_t id, std::string_view method, std::string_view params) {
  return params.empty() ? fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":{}}})", id, quote(method))
                        : fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":{},"params":{}}})", id,
                                      quote(method), params);
}

std::string encode_notification(std::string_view method, std::string_view params) {
  return params.empty()
             ? fmt::format(R"({{"jsonrpc":"2.0","method":{}}})", quote(method))
             : fmt::format(R"({{"jsonrpc":"2.0","method":{},"params":{}}})", quote(method), params);
}

std::string encode_result(std::string_view id, std::string_view result) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{}}})", id, result);
}

std::string encode_error(std::string_view id, int code, std::string_view message) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"error":{{"code":{},"message":{}}}}})", id, code,
                     quote(message));
}

std::optional<std::int64_t> response_id_at_edges(std::string_view head, std::string_view tail) {
  // The SDKs write {"jsonrpc":"2.0","id":7,"result":... or {"result":...,"jsonrpc":"2.0","id":7}.
  for (const std::string_view start : {R"({"jsonrpc":"2.0","id":)", R"({"jsonrpc": "2.0", "id": )"}) {
    if (!head.starts_with(start)) continue;
    const std::string_view rest = head.substr(start.size());
    const std::size_t comma = rest.find(',');
    if (comma == std::string_view::npos ||
        rest.substr(comma, 12).find("\"method\"") != std::string_view::npos)
      return std::nullopt;
    return number_at(rest, ',');
  }
  const std::string_view key = R"("jsonrpc":"2.0","id":)";
  const std::size_t at = tail.rfind(key);
  if (at == std::string_view::npos || !tail.ends_with('}') || !head.starts_with(R"({"result":)"))
    return std::nullopt;
  const std::string_view rest = tail.substr(at + key.size());
  return rest.find('}') == rest.size() - 1 ? number_at(rest, '}') : std::nullopt;
}

}  // namespace geminga::wire::mcp
