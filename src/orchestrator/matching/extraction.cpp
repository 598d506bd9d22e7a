#include "orchestrator/matching/extraction.hpp"

#include <nlohmann/json.hpp>

#include "orchestrator/matching/fill_by_kind.hpp"
#include "orchestrator/matching/fill_by_name.hpp"
#include "orchestrator/matching/filling.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

void fill_defaults(Filling& filling) {
  for (Slot* slot : filling.open([](const Slot& each) { return each.required; })) {
    for (const char* keyword : {"const", "default"}) {
      const auto value = slot->schema->find(keyword);
      if (value == slot->schema->end() || value->is_null() || *value == "") continue;
      filling.put(*slot, *value, {});
      break;
    }
  }
}

}  // namespace

void fill_from_sentence(const json& schema, std::string_view tool, const Sentence& sentence, json& params) {
  if (!schema.is_object() || !params.is_object()) return;
  Filling filling(schema, tool, sentence, params);
  // A value may stand in what was not read, or go on there.
  if (!sentence.cut) {
    fill_by_name(filling);
    fill_by_kind(filling);
  }
  fill_defaults(filling);
}

}  // namespace geminga::orchestrator
