#pragma once

#include <geminga/capabilities.hpp>

namespace geminga::engines::embedded {

/// What the embedded engine can do today; the conformance suite proves each row.
const Capabilities& capabilities();

}  // namespace geminga::engines::embedded
