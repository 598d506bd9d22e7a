#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <geminga/types.hpp>

#include "broker/memory_budget.hpp"

namespace geminga::broker {

/// An entry that is held until its time.
struct Held {
  Timestamp deliver_at{};
  EntryId entry;
  std::uint32_t hash = 0;  ///< of its key
};

/// What one subscription holds until its time. In memory is what comes first, as far as the budget goes; of
/// the rest only the number and the earliest time are known. When little is left in memory the log is to be
/// read again, its headers say everything (docs/adr/0010). So there is no file that could be lost or wrong.
/// Pure: no thread, no disk, no clock.
class DelayIndex {
 public:
  explicit DelayIndex(MemoryBudget* budget) : share_(budget) {}  ///< nullptr: no limit

  void hold(const Held& held);
  /// The first one whose time has come, in the order of times, of equal ones in that of the log. Nothing may
  /// also mean that the log must be scanned first: see due().
  std::optional<Held> take_due(Timestamp now);
  /// Something is left whose time has come. What was published later must not go out before it.
  [[nodiscard]] bool due(Timestamp now) const;
  /// When the next one comes, if none is due.
  [[nodiscard]] std::optional<Timestamp> next_due(Timestamp now) const;
  /// What lies before is not wanted any more; from `end` on nothing was held.
  void drop_before(EntryId next, EntryId end);
  void clear();

  /// At least so many; after a drop_before() it may be less, until the log was scanned.
  [[nodiscard]] std::uint64_t size() const { return heap_.size() + far_ + uncounted_; }
  [[nodiscard]] std::size_t in_memory() const { return heap_.size(); }

  // --- the log is read again ---
  /// Where it is to be read on now, if it is; all of [first, end) was read once.
  std::optional<EntryId> next_scan(EntryId first, EntryId end);
  [[nodiscard]] bool scanning() const { return scan_.has_value(); }
  [[nodiscard]] EntryId scan_end() const { return scan_ ? scan_->end : EntryId{}; }
  /// An entry of the scan whose time the scan is for; one that is in memory already it is not.
  [[nodiscard]] bool sought(Timestamp deliver_at, EntryId entry) const {
    return scan_ && !(Key{deliver_at, entry} < scan_->from);
  }
  /// One that is still held.
  void found(const Held& held);
  /// All before it was found.
  void scanned_to(EntryId next);

 private:
  struct Key {
    Timestamp deliver_at{};
    EntryId entry;
    auto operator<=>(const Key&) const = default;
  };
  struct Scan {
    EntryId next;
    EntryId end;
    Key from;  ///< what comes before it is in memory, or was when the scan began
  };
  static constexpr Key kNever{.deliver_at = Timestamp::max(), .entry = EntryId{~std::uint64_t{0}}};
  static Key key_of(const Held& held) { return {.deliver_at = held.deliver_at, .entry = held.entry}; }
  static bool later(const Held& one, const Held& other) { return key_of(one) > key_of(other); }

  /// Everything before it is in memory.
  [[nodiscard]] Key complete_to() const { return scan_ ? std::min(horizon_, scan_->from) : horizon_; }
  void push(const Held& held);
  void let_go_of_last_quarter();
  void removed();

  MemoryShare share_;
  std::vector<Held> heap_;       ///< the earliest in front
  Key horizon_ = kNever;         ///< what comes from it on is not in memory (a scan puts it there anew)
  std::uint64_t far_ = 0;        ///< how many that are, or were before the last drop_before()
  std::uint64_t uncounted_ = 0;  ///< of those that the scan has not met yet
  std::size_t low_ = 0;          ///< so few in memory are a reason for a scan
  std::optional<Scan> scan_;
};

}  // namespace geminga::broker
