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
  json& error = object.at("error");
  const auto code = error.is_object() ? error.find("code") : error.end();
  if (!error.is_object() || code == error.end() || !code->is_number_integer())
    return fail(ErrorCode::protocol_error, "an error without a code");
  message.kind = MessageKind::error;
  message.error_code = static_cast<int>(code->get<std::int64_t>());
  message.error_message = string_member(error, "message");
  message.body = take(error, "data");
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

// Walks over the members of an object of which only the start is there, as far as it needs no nesting.
class Prefix {
 public:
  explicit Prefix(std::string_view text) : rest_(text) {}

  bool take(char c) {
    skip_space();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Text without escapes; nothing when it is not all there.
  std::optional<std::string_view> string() {
    if (!take('"')) return std::nullopt;
    const std::size_t end = rest_.find_first_of("\"\\");
    if (end == std::string_view::npos || rest_[end] != '"') return std::nullopt;
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }
  std::optional<std::int64_t> number() {
    skip_space();
    std::int64_t value = 0;
    const char* end = rest_.data() + rest_.size();
    const auto [stop, error] = std::from_chars(rest_.data(), end, value);
    if (error != std::errc() || stop == end) return std::nullopt;  // more digits might follow the end
    rest_.remove_prefix(static_cast<std::size_t>(stop - rest_.data()));
    return value;
  }

 private:
  void skip_space() {
    while (rest_.starts_with(' ') || rest_.starts_with('\t')) rest_.remove_prefix(1);
  }
  std::string_view rest_;
};

// The number of `"id": 7}` at the end of an object.
std::optional<std::int64_t> last_member_id(std::string_view tail) {
  const std::size_t at = tail.rfind("\"id\"");
  if (at == std::string_view::npos) return std::nullopt;
  Prefix member(tail.substr(at + 4));
  if (!member.take(':')) return std::nullopt;
  const auto number = member.number();
  return number && member.take('}') && tail.substr(at).find('}') == tail.size() - at - 1 ? number
                                                                                         : std::nullopt;
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
  Prefix object(head);
  std::optional<std::int64_t> id;
  for (bool more = object.take('{'); more; more = object.take(',')) {
    const auto key = object.string();
    if (!key || !object.take(':')) return std::nullopt;
    if (*key == "result") return id ? id : last_member_id(tail);
    if (*key == "id") {
      id = object.number();
    } else if (*key != "jsonrpc" || object.string() != "2.0") {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace geminga::wire::mcp
