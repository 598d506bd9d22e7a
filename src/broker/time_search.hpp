#pragma once

#include <functional>
#include <memory>

#include "broker/context.hpp"

namespace geminga::broker {

class Topic;

/// Finds the first entry in [low, high) that was published at or after `since`, else `high`, by reading
/// single entries: publish times never decrease. Errors: those of reading. Starts on the topic's core;
/// `found` is called there, perhaps at once.
void find_by_time(const std::shared_ptr<Topic>& topic, EntryId low, EntryId high, Timestamp since,
                  std::move_only_function<void(Result<EntryId>)> found);

}  // namespace geminga::broker
