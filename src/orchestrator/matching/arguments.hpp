#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "orchestrator/matching/matcher.hpp"

namespace geminga::orchestrator {

/// Names of the arguments that the input schema requires and `params` does not have, "location.address"
/// inside a table that is there. In the order of the schema; a schema of any shape may come in.
std::vector<std::string> missing_arguments(const nlohmann::json& schema, const nlohmann::json& params);

/// What stands in `params` and the input schema does not take; what is missing is none of them.
std::vector<RefusedArgument> refused_arguments(const nlohmann::json& schema, const nlohmann::json& params);

/// What a pattern catches is text. Where the schema wants a number, a whole number or a truth value and the
/// text is one, it becomes one; everything else stays as it is.
void fit_types(const nlohmann::json& schema, nlohmann::json& params);

/// The text as a number of JSON: an integer where it is one. Nothing where it is no number or one that JSON
/// cannot hold as it stands: whole numbers beyond 64 bits, infinity.
std::optional<nlohmann::json> number_of(std::string_view text);

}  // namespace geminga::orchestrator
