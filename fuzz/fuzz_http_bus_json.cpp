// Every body that the HTTP bus takes: JSON first, then the fields of each request.
#include <cstdint>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/assert.hpp"
#include "doors/http_bus/message_json.hpp"
#include "net/json_body.hpp"

using namespace geminga;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto body = net::parse_json_object({reinterpret_cast<const char*>(data), size});
  if (!body) {
    GEMINGA_ASSERT(body.error().code == ErrorCode::parse_error);
    return 0;
  }
  if (const auto messages = doors::read_messages(*body)) GEMINGA_ASSERT(!messages->empty());
  if (const auto consumer = doors::read_consumer(*body))
    GEMINGA_ASSERT(!consumer->options.topic.empty() && !consumer->options.subscription.empty());
  if (const auto receive = doors::read_receive(*body)) GEMINGA_ASSERT(receive->messages_max > 0);
  for (const bool flag : {false, true}) {
    if (const auto settle = doors::read_settle(*body, flag)) GEMINGA_ASSERT(body->contains("ids"));
    if (const auto topic = doors::read_topic(*body, flag)) GEMINGA_ASSERT(!topic->topic.empty());
  }
  return 0;
}
