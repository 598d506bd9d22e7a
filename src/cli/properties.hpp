#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/error.hpp>

namespace geminga::cli {

/// One "key=value" of a file in the form of Java's properties.
struct Property {
  std::string key;
  std::string value;
  std::size_t line = 0;  ///< where it begins, from 1
};

/// All of them in the order of the file, those that come twice too. Lines that begin with '#' or '!' are
/// comments; '=', ':' or a blank ends a key; a backslash at the end of a line goes on with the next one, and
/// before a sign it stands for that sign, for a tab, line end or form feed (\t, \n, \r, \f) or for a sign by
/// its number (\uXXXX). Blanks around a value are not part of it. Bytes are taken as they are (UTF-8).
/// Errors: config_error with the line (\u without its four digits, or half of a pair of surrogates).
Result<std::vector<Property>> parse_properties(std::string_view text);

}  // namespace geminga::cli
