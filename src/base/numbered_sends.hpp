#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include <geminga/error.hpp>

namespace geminga::base {

/// What one producer sends under rising sequence ids, in the order in which it sends it. An id below one that
/// is stored counts as stored. So where one is refused, those behind it are refused too, until all that was
/// refused has come again in order: else what is sent again would pass for a duplicate and be lost. A range
/// is what is taken or refused as a whole. No locks of its own.
class NumberedSends {
 public:
  struct Range {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };

  /// Errors: that of the refusal before it.
  [[nodiscard]] Result<> admit(Range range) const {
    if (!gap_ || range.first <= std::min(gap_->next, gap_->last)) return {};
    return fail(
        gap_->error.code,
        fmt::format("sequence id {} is not taken, because {} before it was refused ({}); send again all "
                    "that was refused, in order, or open the producer anew to leave it out",
                    range.first, gap_->first, gap_->error.message));
  }
  /// Of what was admitted.
  void accepted(Range range) {
    if (!gap_) return;
    if (range.last >= gap_->next) gap_->next = kAny;
    if (range.last >= gap_->last) gap_.reset();
  }
  /// An error that no new attempt can change leaves no gap: nobody sends that again.
  void refused(Range range, const Error& error) {
    if (!gap_ && !error.retryable()) return;
    if (!gap_) gap_ = Gap{.first = range.first, .last = range.last, .next = range.first, .error = error};
    gap_->last = std::max(gap_->last, range.last);
    gap_->next = std::min(gap_->next, range.first);
  }

 private:
  static constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
  struct Gap {
    std::uint64_t first = 0;  ///< for the error
    std::uint64_t last = 0;   ///< the highest that was refused; higher ones must wait for it
    std::uint64_t next = 0;   ///< the lowest that was refused since one was accepted; it must be the next
    Error error;
  };
  std::optional<Gap> gap_;
};

}  // namespace geminga::base
