#include "broker/read_check.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace geminga::broker {

Result<std::vector<storage::Entry>> without_holes(Result<std::vector<storage::Entry>> entries) {
  if (!entries) return entries;
  const auto hole =
      std::ranges::adjacent_find(*entries, [](const storage::Entry& one, const storage::Entry& next) {
        return next.header.entry.value != one.header.entry.value + 1;
      });
  if (hole == entries->end()) return entries;
  return fail(ErrorCode::internal,
              fmt::format("the log gave entry {} and then {}; what lies between must not be passed over",
                          hole->header.entry.value, std::next(hole)->header.entry.value));
}

}  // namespace geminga::broker
