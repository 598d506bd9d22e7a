// Every consumer parses what stands on a topic, and anybody with a producer can put it there. The first byte
// picks the kind.
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "orchestrator/events/events.hpp"

namespace {

using namespace geminga::orchestrator;

/// What was read can be written, and reads the same again.
template <class Event>
void check(EventKind kind, std::string_view text, geminga::Result<Event> (*parse)(std::string_view)) {
  const auto event = parse(text);
  const auto checked = check_event(kind, text);
  if (!event) {
    GEMINGA_ASSERT(event.error().code == geminga::ErrorCode::schema_mismatch);
    GEMINGA_ASSERT(event.error().message.size() < 1'000 + text.size());
    return;
  }
  GEMINGA_ASSERT(checked.has_value());
  const std::string written = to_json(*event);
  GEMINGA_ASSERT(written.find('\n') == std::string::npos);
  const auto again = parse(written);
  GEMINGA_ASSERT(again.has_value());
  GEMINGA_ASSERT(to_json(*again) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % kEventKindCount) {
    case 0:
      check(EventKind::user_request, text, &parse_user_request);
      break;
    case 1:
      check(EventKind::tool_signal, text, &parse_tool_signal);
      break;
    case 2:
      check(EventKind::plan, text, &parse_plan);
      break;
    case 3:
      check(EventKind::result, text, &parse_result);
      break;
    case 4:
      check(EventKind::dead_letter, text, &parse_dead_letter);
      break;
    default:
      check(EventKind::execution, text, &parse_execution);
      break;
  }
  return 0;
}
