#pragma once

#include <string>

namespace geminga::cli {

/// The version, how it was built, and the engines and features of this build.
std::string version_text();

}  // namespace geminga::cli
