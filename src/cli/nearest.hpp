#pragma once

#include <span>
#include <string>
#include <string_view>

namespace geminga::cli {

/// The candidate that a mistyped word most likely meant; empty when none is near.
std::string nearest(std::string_view word, std::span<const std::string> candidates);
/// "; did you mean 'http'?" or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

}  // namespace geminga::cli
