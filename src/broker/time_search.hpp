#pragma once

#include <functional>
#include <memory>

#include "broker/context.hpp"

namespace geminga::broker {

class Topic;

/// Finds the first entry in [low, high) that was published at or after `since`, else `high`, by reading
/// single entries: publish times never decrease. Where an entry cannot be read the answer is too early rather
/// than too late. Starts on the topic's core; `found` is called there, perhaps at once.
void find_by_time(const std::shared_ptr<Topic>& topic, EntryId low, EntryId high, Timestamp since,
                  std::move_only_function<void(EntryId)> found);

}  // namespace geminga::broker
