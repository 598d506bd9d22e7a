#pragma once

#include "storage/log.hpp"

namespace geminga::storage {

/// Adds an acknowledgement to a position. Ranges are kept exactly, merged where they touch; `next` moves over
/// what is complete. Applying the same one twice changes nothing.
void apply_acknowledge(const Acknowledge& acknowledge, CursorState& cursor);

}  // namespace geminga::storage
