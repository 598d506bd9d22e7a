// A rules.toml is read again whenever it is saved, half written or not; it must never take a running server
// down.
#include <cstdint>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/assert.hpp"
#include "orchestrator/matching/rules.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace geminga::orchestrator;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto rules = RuleSet::parse(text, "rules.toml");
  if (!rules) {
    GEMINGA_ASSERT(rules.error().code == geminga::ErrorCode::config_error);
    GEMINGA_ASSERT(rules.error().message.starts_with("rules.toml: "));
    return 0;
  }
  for (const char* sentence :
       {"", "add 3 and 4", "what is the weather in Berlin?", "files like *.cpp in /srv \xFF"}) {
    const auto match = rules->match(sentence);
    if (!match) continue;
    GEMINGA_ASSERT(match->number >= 1 && match->number <= rules->size());
    GEMINGA_ASSERT(match->confidence >= 0 && match->confidence <= 1);
    GEMINGA_ASSERT(nlohmann::json::parse(match->params).is_object());
  }
  return 0;
}
