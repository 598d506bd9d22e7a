#pragma once

#include <cstdint>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "orchestrator/matching/values.hpp"

namespace geminga::orchestrator {

/// Fills arguments of `schema` that `params` does not have from what the sentence itself says: choices of an
/// enum, numbers, dates and times, quoted text, URLs, addresses and paths, names, what stands behind the
/// argument's own name or behind a preposition that leads to it. What is required and not in the sentence
/// gets the schema's default. What would be a guess stays away: a plan that asks is better than a call that
/// is wrong, and a sentence that is cut fills nothing. Values are not checked against the schema's bounds.
///
/// `tool` is the tool's name; its words and those of the arguments are no values themselves.
void fill_from_sentence(const nlohmann::json& schema, std::string_view tool, const Sentence& sentence,
                        nlohmann::json& params);

}  // namespace geminga::orchestrator
