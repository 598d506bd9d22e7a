#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <geminga/error.hpp>

/// JSON-RPC 2.0 as MCP uses it: one object per message, or an array of them (protocol 2025-03-26).
namespace geminga::wire::mcp {

using JsonPtr = std::shared_ptr<const nlohmann::json>;

inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;

enum class MessageKind : std::uint8_t { request, notification, response, error };

struct Message {
  MessageKind kind = MessageKind::notification;
  std::string id;                      ///< JSON text, to be echoed; empty where there is none
  std::optional<std::int64_t> number;  ///< the id when it is a whole number, as all of ours are
  std::string method;                  ///< request, notification
  JsonPtr body;                        ///< params, result, or the data of an error; null where absent
  int error_code = 0;                  ///< error
  std::string error_message;           ///< error
};

/// Takes apart one message or batch. Members that it does not know are left out. Errors: parse_error (no
/// JSON), protocol_error (JSON that is no JSON-RPC 2.0 message).
Result<std::vector<Message>> decode(std::string_view text);

/// `params` is the JSON text of an object, or empty for none. All encoders give one line without its end.
std::string encode_request(std::int64_t id, std::string_view method, std::string_view params);
std::string encode_notification(std::string_view method, std::string_view params);
std::string encode_result(std::string_view id, std::string_view result);
std::string encode_error(std::string_view id, int code, std::string_view message);

/// The id of a response of which only the first and the last bytes are at hand (it was over the limit);
/// nothing when they do not show it beyond doubt.
std::optional<std::int64_t> response_id_at_edges(std::string_view head, std::string_view tail);

}  // namespace geminga::wire::mcp
