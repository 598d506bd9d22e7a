#pragma once

#include <span>
#include <vector>

#include <geminga/error.hpp>

#include "storage/entry.hpp"

namespace geminga::broker {

/// An answer of the log, if no entry is missing in the middle of it: what is not delivered because it was not
/// read would be lost without a word. Errors: internal.
Result<std::vector<storage::Entry>> without_holes(Result<std::vector<storage::Entry>> entries);

}  // namespace geminga::broker
