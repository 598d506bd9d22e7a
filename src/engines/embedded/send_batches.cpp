#include "engines/embedded/send_batches.hpp"

#include <utility>

namespace geminga::engines::embedded {

SendBatches::SendBatches(broker::ProducerPtr producer, std::shared_ptr<bus::EngineSendSink> sink)
    : producer_(std::move(producer)),
      sink_(std::move(sink)),
      turns_(1, [this](Batch batch) { submit(std::move(batch)); }) {}

void SendBatches::add(std::uint64_t tag, storage::Append message) {
  turns_.add([&](Batch& batch) {
    batch.bytes += message.body.size();
    batch.paced = producer_->paced();
    batch.messages.push_back(std::move(message));
    batch.tags.push_back(tag);
  });
}

void SendBatches::submit(Batch batch) {
  producer_->publish(std::move(batch.messages),
                     [self = shared_from_this(), tags = std::move(batch.tags)](
                         const Result<std::vector<MessageId>>& ids) { self->answered(tags, ids); });
}

void SendBatches::answered(const std::vector<std::uint64_t>& tags,
                           const Result<std::vector<MessageId>>& ids) {
  turns_.ended();  // first: what waits is then in the very next group
  std::vector<bus::SendAnswer> answers;
  answers.reserve(tags.size());
  for (std::size_t i = 0; i < tags.size(); ++i)
    answers.push_back({tags[i], ids ? Result<MessageId>((*ids)[i]) : std::unexpected(ids.error())});
  sink_->on_answers(std::move(answers));
}

}  // namespace geminga::engines::embedded
