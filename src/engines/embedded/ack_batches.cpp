#include "engines/embedded/ack_batches.hpp"

#include <utility>

namespace geminga::engines::embedded {

namespace {

broker::Acknowledgement of(std::vector<EntryId> entries) {
  return {.entries = std::move(entries), .batches = {}, .up_to = std::nullopt};
}

}  // namespace

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
  consumer_->acknowledge(of(std::move(entries)),
                         [self = shared_from_this(), batch = std::move(batch)](
                             const Result<>& result) mutable { self->answered(std::move(batch), result); });
}

void AckBatches::answered(Batch batch, const Result<>& result) {
  turns_.ended();
  // One that is not this consumer's any more refuses all: each by itself then.
  const bool each = !result && result.error().code == ErrorCode::conflict && batch.entries.size() > 1;
  for (std::size_t i = 0; i < batch.entries.size(); ++i) {
    if (each)
      consumer_->acknowledge(of({batch.entries[i]}), std::move(batch.dones[i]));
    else
      batch.dones[i](result);
  }
}

}  // namespace geminga::engines::embedded
