#include "storage/disk_bounds.hpp"

#include <algorithm>

namespace geminga::storage {
namespace {

constexpr std::uint64_t kSpaceLimitMax = 256ULL << 20;
constexpr std::uint64_t kSpaceLimitShare = 20;  // 5 %
// 1/64 for a file and 1.5/64 for what is frozen and what came since make 3.9 % of the disk.
constexpr std::uint64_t kFileShare = 64;
constexpr std::uint64_t kMemoryShare = 64;
constexpr std::uint64_t kJournalShare = 16;
constexpr std::uint64_t kLeastBytes = 64ULL << 10;

}  // namespace

std::uint64_t space_limit(std::uint64_t total_bytes) {
  return std::min(total_bytes / kSpaceLimitShare, kSpaceLimitMax);
}

LogOptions fit_to_disk(LogOptions options, std::uint64_t total_bytes) {
  if (total_bytes == 0) return options;
  const auto share = [&](std::uint64_t part) { return std::max(total_bytes / part, kLeastBytes); };
  options.journal_file_bytes = std::min(options.journal_file_bytes, share(kFileShare));
  options.memory_table_bytes = std::min(options.memory_table_bytes, share(kMemoryShare));
  options.journal_bytes_max = std::min(options.journal_bytes_max, share(kJournalShare));
  return options;
}

}  // namespace geminga::storage
