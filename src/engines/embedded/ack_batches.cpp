#include "engines/embedded/ack_batches.hpp"

#include <utility>

namespace geminga::engines::embedded {

std::unexpected<Error> AckBatches::not_ours() {
  return fail(
      ErrorCode::conflict,
      "the message is not out with this consumer any more: it was settled, or taken back by a time-out, "
      "a seek, a failover or a close, and comes again");
}

AckBatches::AckBatches(broker::ConsumerPtr consumer)
    : consumer_(std::move(consumer)),
      // The answer comes by way of the core, when the next group has begun: so one is in either group.
      turns_(2, [this](Batch batch) { submit(std::move(batch)); }) {}

void AckBatches::add(EntryId entry, bus::Done<void> done) {
  turns_.add([&](Batch& batch) {
    batch.entries.push_back(entry);
    batch.dones.push_back(std::move(done));
  });
}

void AckBatches::submit(Batch batch) {
  auto entries = batch.entries;
  consumer_->acknowledge_each(std::move(entries), [self = shared_from_this(), batch = std::move(batch)](
                                                      const Result<std::vector<EntryId>>& refused) mutable {
    self->answered(std::move(batch), refused);
  });
}

void AckBatches::answered(Batch batch, const Result<std::vector<EntryId>>& refused) {
  turns_.ended();
  std::size_t next = 0;  // of those that are refused; they are in the order of the batch
  for (std::size_t i = 0; i < batch.entries.size(); ++i) {
    if (!refused) {
      batch.dones[i](std::unexpected(refused.error()));
    } else if (next < refused->size() && (*refused)[next] == batch.entries[i]) {
      ++next;
      batch.dones[i](not_ours());
    } else {
      batch.dones[i](Result<>{});
    }
  }
}

}  // namespace geminga::engines::embedded
