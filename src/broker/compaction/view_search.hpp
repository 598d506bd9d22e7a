#pragma once

#include <functional>

#include "broker/broker.hpp"
#include "broker/compaction/view.hpp"

namespace geminga::broker {

/// A place in a view.
struct ViewPlace {
  std::uint64_t index = 0;  ///< of the entry in the view; View::entries: behind the last
  EntryId entry;            ///< what the topic calls it; View::horizon: behind the last
};

/// Finds the first entry that is not `before`, which holds of the first ones and of none behind them. `found`
/// comes once on the topic's core, after this call. Errors: those of reading.
void find_in_view(const TopicPtr& topic, const View& view,
                  std::function<bool(const storage::EntryHeader&)> before,
                  std::move_only_function<void(Result<ViewPlace>)> found);

}  // namespace geminga::broker
