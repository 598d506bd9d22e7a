#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace geminga::schema {

/// A value as JSON, cut where it grows long.
std::string shown(const nlohmann::json& value);

/// "the text "abc"", "a list of 3", "an object": a value that does not fit, for people.
std::string found(const nlohmann::json& value);

/// The first of many values, as JSON: "1, 2, 3, ...".
std::string shown_list(const nlohmann::json& values);

}  // namespace geminga::schema
