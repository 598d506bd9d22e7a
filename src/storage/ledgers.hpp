#pragma once

#include <vector>

#include "storage/entry.hpp"

namespace geminga::storage {

/// Which ledger each entry of a topic belongs to. Entry ids are dense in the topic and go on through its
/// ledgers; a new one begins where ids may have been given out that the disk does not have, so that no pair
/// of ledger and entry is ever given twice (docs/adr/0011).
struct Ledgers {
  struct Past {
    LedgerId ledger;
    EntryId end;  ///< its entries stand before this one, and behind those of the ledger before it
    bool operator==(const Past&) const = default;
  };
  LedgerId current;        ///< 0: none yet
  std::vector<Past> past;  ///< ascending; a first one with ledger 0 stands for all that were forgotten

  /// Entries from `first` on, which is behind all there are, belong to `ledger`.
  void begin(LedgerId ledger, EntryId first);
  /// Entries before `first` are gone. The last of them keeps its ledger.
  void forget_before(EntryId first);
  /// 0: forgotten.
  [[nodiscard]] LedgerId of(EntryId entry) const;

  /// The entries of one ledger; of a ledger that has none, the place where they would be.
  struct Span {
    EntryId first;
    EntryId end;
  };
  /// `end`: that of the topic.
  [[nodiscard]] Span span(LedgerId ledger, EntryId end) const;
};

}  // namespace geminga::storage
