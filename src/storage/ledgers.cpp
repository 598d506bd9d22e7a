#include "storage/ledgers.hpp"

#include <algorithm>

namespace geminga::storage {

void Ledgers::begin(LedgerId ledger, EntryId first) {
  if (ledger == current) return;
  const EntryId begun = past.empty() ? EntryId{} : past.back().end;
  // One that has no entry was never named to anybody.
  if (current.value != 0 && begun < first) past.push_back({current, first});
  current = ledger;
}

void Ledgers::forget_before(EntryId first) {
  const auto kept = std::ranges::lower_bound(past, first, {}, &Past::end);
  if (kept == past.begin()) return;
  *past.begin() = {.ledger = {}, .end = std::prev(kept)->end};
  past.erase(past.begin() + 1, kept);
}

LedgerId Ledgers::of(EntryId entry) const {
  const auto found = std::ranges::upper_bound(past, entry, {}, &Past::end);
  return found == past.end() ? current : found->ledger;
}

Ledgers::Span Ledgers::span(LedgerId ledger, EntryId end) const {
  const auto found = std::ranges::lower_bound(past, ledger, {}, &Past::ledger);
  const EntryId first = found == past.begin() ? EntryId{} : std::prev(found)->end;
  if (found != past.end()) return {first, found->ledger == ledger ? found->end : first};
  if (ledger == current) return {first, end};
  return ledger < current ? Span{first, first} : Span{end, end};
}

}  // namespace geminga::storage
