#pragma once

#include <cstdint>

#include "storage/log.hpp"

namespace geminga::storage {

/// Free bytes below which nothing is published: the smaller of 5 % and 256 MiB.
std::uint64_t space_limit(std::uint64_t total_bytes);

/// On a disk of less than some GiB, files and memory table are so small that one file and what is in memory
/// together take less than space_limit(): what was published can always become a segment, and its journal
/// files can be used again. `total_bytes` 0: unknown, nothing is changed.
LogOptions fit_to_disk(LogOptions options, std::uint64_t total_bytes);

}  // namespace geminga::storage
