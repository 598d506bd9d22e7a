#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "storage/aligned_buffer.hpp"
#include "storage/blocks.hpp"
#include "storage/journal_format.hpp"
#include "storage/sent_sequences.hpp"
#include "storage/submit_queue.hpp"
#include "storage/topic_table.hpp"

namespace geminga::storage {

/// One group on its way to the disk.
struct Group {
  struct Member {
    std::move_only_function<void(Result<Receipt>)> done;
    Receipt receipt;
  };
  std::vector<Member> members;
  AppliedGroup applied;
  std::uint64_t budget = 0;
  std::uint64_t duplicates = 0;  ///< appends that were stored before
  /// Header to padding; lives as long as the builder or the entries. Empty: there is nothing to write.
  std::span<const std::byte> bytes;
};

/// Turns transactions into the bytes of one group, and gives out ids on the way. Journal thread only.
class GroupBuilder {
 public:
  /// `retained_bytes`: of memory of flushed groups that is kept for the next ones.
  GroupBuilder(TopicTable& topics, base::Clock& clock, RawUuid directory, std::size_t retained_bytes,
               bool dedup_before_persist = false)
      : topics_(topics),
        clock_(clock),
        directory_(directory),
        dedup_before_persist_(dedup_before_persist),
        duplicates_(topics, dedup_before_persist),
        slabs_(retained_bytes) {}

  /// Why this transaction can never be written, if so: offline topic, dropped topic, implausible count, too
  /// large. When it can, later transactions already see the topics that it drops as gone.
  Result<> check(const Transaction& transaction);
  /// A transaction that was checked is refused after all.
  void uncheck(const Transaction& transaction);
  /// Bytes that a record of it takes.
  static std::uint64_t record_bytes_of(const Transaction& transaction);

  /// Takes the bodies of what is stored already. build() does it when nothing can refuse the group any more,
  /// so that no number rises for what is not persisted; only the unsafe switch calls it before.
  void mark_duplicates(Transaction& transaction);
  /// Answers a transaction that holds marked duplicates only; false: it holds more. Before the first of them
  /// is durable that is the lie of the unsafe switch.
  bool answer_duplicates(Transaction& transaction) const;

  /// Gives its appends their places now where all of them go to topics that answer before the disk does
  /// (Log::set_async); how long it may wait for the disk then. Nothing: it waits for its group. It was
  /// checked, nothing can refuse it any more, and it stands behind all that has places in the transactions of
  /// build().
  std::optional<std::chrono::milliseconds> give_places(Submitted& submitted);

  struct Numbers {
    std::uint64_t generation = 0;
    std::uint64_t number = 0;
    std::uint64_t durable = 0;
  };
  /// `record_bytes` is the sum over the transactions. All were checked.
  Group build(std::span<Submitted> transactions, std::uint64_t record_bytes, Numbers numbers);

 private:
  struct Output;
  std::uint64_t find_duplicates(std::span<Submitted> transactions);
  Result<> check_topic(TopicId id, bool publishes);
  void add_record(Submitted& submitted, Group& group, Output& output);
  [[nodiscard]] std::optional<std::chrono::milliseconds> may_wait(const Transaction& transaction);
  EntryHeader assign(const Append& append);
  [[nodiscard]] EntryHeader header_of_duplicate(const Append& append) const;
  [[nodiscard]] Receipt receipt_of_duplicates(const Transaction& transaction) const;
  JournalOperation resolve(Operation& operation, const Submitted& submitted, Receipt& receipt);

  TopicTable& topics_;
  base::Clock& clock_;
  const RawUuid directory_;
  const bool dedup_before_persist_;
  DuplicateFinder duplicates_;
  AlignedBuffer scratch_;  ///< for small groups, whose entries get memory of their exact size
  Slabs slabs_;            ///< for large ones
  Timestamp now_{};
};

}  // namespace geminga::storage
