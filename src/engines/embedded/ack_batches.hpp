#pragma once

#include <memory>
#include <vector>

#include "broker/broker.hpp"
#include "bus/engine.hpp"
#include "engines/embedded/turns.hpp"

namespace geminga::engines::embedded {

/// The acknowledgements of one consumer on their way to the log. What comes while some are under way shares
/// the next record. Owned by what is under way too.
class AckBatches : public std::enable_shared_from_this<AckBatches> {
 public:
  explicit AckBatches(broker::ConsumerPtr consumer);
  void add(EntryId entry, bus::Done<void> done);
  /// Of a message that is not out with its consumer any more: conflict.
  [[nodiscard]] static std::unexpected<Error> not_ours();
  /// The broker has them when it returns; for calls that come behind them.
  void submit_all() { turns_.submit_all(); }

 private:
  struct Batch {
    std::vector<EntryId> entries;
    std::vector<bus::Done<void>> dones;

    static constexpr std::size_t kEntriesMax = 1'000;
    [[nodiscard]] bool empty() const { return entries.empty(); }
    [[nodiscard]] bool full() const { return entries.size() >= kEntriesMax; }
  };
  void submit(Batch batch);
  void answered(Batch batch, const Result<std::vector<EntryId>>& refused);

  const broker::ConsumerPtr consumer_;
  Turns<Batch> turns_;
};

}  // namespace geminga::engines::embedded
