#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "storage/transaction.hpp"

namespace geminga::storage {

/// A transaction on its way to the journal thread.
struct Submitted {
  Transaction transaction;
  std::uint64_t budget = 0;  ///< taken from the publish budget
  bool overloaded = false;   ///< refused by the budget; its operations are gone
  /// Answered before it is on the disk: the places that its appends have.
  std::vector<EntryHeader> given = {};
  [[nodiscard]] bool answered() const { return !given.empty(); }
};

/// Hands transactions of all threads to the journal thread, in order. One short lock a submit; a wake-up only
/// when the journal thread sleeps.
class SubmitQueue {
 public:
  explicit SubmitQueue(std::uint64_t budget_bytes) : budget_bytes_(budget_bytes) {}

  /// Any thread. False when the queue is closed: the transaction is untouched.
  bool push(Transaction& transaction);
  /// Journal thread: waits for transactions, for poke() or until that time. False when the queue was closed
  /// and is drained.
  bool take(std::vector<Submitted>& into,
            std::optional<std::chrono::steady_clock::time_point> until = std::nullopt);
  /// Wakes the journal thread though nothing was submitted.
  void poke();
  /// Journal thread: of what is not given back yet, so much only waits for its time and is not under way.
  void set_resting(std::uint64_t budget);
  /// Journal thread: durable or refused now.
  void give_back(std::uint64_t budget);
  void close();
  [[nodiscard]] std::uint64_t budget_used() const;

 private:
  const std::uint64_t budget_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Submitted> waiting_;
  std::uint64_t budget_used_ = 0;
  std::uint64_t resting_ = 0;  ///< of these
  bool sleeping_ = false;
  bool poked_ = false;
  bool closed_ = false;
};

}  // namespace geminga::storage
