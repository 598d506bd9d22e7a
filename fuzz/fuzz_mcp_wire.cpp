// What an MCP server may send: lines and server-sent events cut anywhere, and the messages in them.
#include <cstdint>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/assert.hpp"
#include "wire/mcp/json_rpc.hpp"
#include "wire/mcp/json_text.hpp"
#include "wire/mcp/line_splitter.hpp"
#include "wire/mcp/messages.hpp"
#include "wire/mcp/sse_parser.hpp"

using namespace geminga;
using namespace geminga::wire::mcp;

namespace {

constexpr std::size_t kLimit = 4'096;

void read_message(std::string_view text) {
  const auto messages = decode(text);
  if (!messages) return;
  GEMINGA_ASSERT(!messages->empty());
  for (const Message& message : *messages) {
    GEMINGA_ASSERT((message.kind == MessageKind::request) ==
                   (!message.id.empty() && !message.method.empty()));
    if (message.kind == MessageKind::request)
      GEMINGA_ASSERT(decode(encode_error(message.id, -1, message.method)).has_value());
    if (message.body == nullptr) continue;
    if (const auto page = read_tools_page(*message.body)) {
      for (const auto& tool : page->tools) GEMINGA_ASSERT(parse_json(tool.input_schema).has_value());
    }
    if (const auto result = read_call_result(*message.body))
      GEMINGA_ASSERT(parse_json(result->content).has_value());
    static_cast<void>(read_initialize_result(*message.body));
    static_cast<void>(read_progress(*message.body));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = text.empty() ? 0 : data[0] % text.size();
  LineSplitter whole(kLimit);
  LineSplitter split(kLimit);
  const auto lines = whole.feed(text);
  std::size_t count = split.feed(text.substr(0, cut)).size();
  count += split.feed(text.substr(cut)).size();
  GEMINGA_ASSERT(count == lines.size());
  GEMINGA_ASSERT(whole.rest() == split.rest());
  for (const auto& line : lines) {
    GEMINGA_ASSERT(line.text.size() <= kLimit);
    if (line.over_limit) static_cast<void>(response_id_at_edges(line.text, line.tail));
    read_message(line.text);
  }
  SseParser one(kLimit);
  SseParser two(kLimit);
  std::vector<SseEvent> at_once;
  std::vector<SseEvent> in_pieces;
  const bool taken = one.feed(text, at_once).has_value();
  const bool taken_in_pieces = two.feed(text.substr(0, cut), in_pieces).has_value() &&
                               two.feed(text.substr(cut), in_pieces).has_value();
  if (taken && taken_in_pieces) GEMINGA_ASSERT(at_once.size() == in_pieces.size());
  for (const auto& event : at_once) read_message(event.data);
  return 0;
}
