#pragma once

#include <cstdint>
#include <thread>
#include <vector>

#include <geminga/error.hpp>

#include "storage/background.hpp"
#include "storage/segment_store.hpp"
#include "storage/topic_table.hpp"

namespace geminga::storage {

/// A recovery that reads more than memory may hold writes segments on the way: one half of the memory table
/// is written while the other half is read, for both take about as long. Start only; one thread calls.
class RecoverySpill {
 public:
  RecoverySpill(TopicTable& topics, SegmentStore& segments, Background& background)
      : topics_(topics), segments_(segments), background_(background) {}
  ~RecoverySpill();
  RecoverySpill(const RecoverySpill&) = delete;
  RecoverySpill& operator=(const RecoverySpill&) = delete;

  /// What was applied so far goes into a segment, in the background once the one before is written. On a full
  /// disk it stays in memory, and all that follows: there it was before the stop, too. Errors: those of the
  /// one before.
  Result<> begin();
  /// Waits. Errors: disk_error.
  Result<> finish();
  /// Segments that were begun.
  [[nodiscard]] const std::vector<std::uint64_t>& numbers() const { return numbers_; }

 private:
  TopicTable& topics_;
  SegmentStore& segments_;
  Background& background_;
  std::vector<std::uint64_t> numbers_;
  bool full_ = false;
  std::thread thread_;
  Result<> written_;  // by the thread
};

}  // namespace geminga::storage
