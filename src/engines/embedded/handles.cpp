#include "engines/embedded/handles.hpp"

#include <algorithm>
#include <utility>

#include "broker/raw_message.hpp"
#include "engines/embedded/waiting.hpp"

namespace geminga::engines::embedded {

EmbeddedProducer::EmbeddedProducer(BrokerPtr broker, broker::ProducerPtr producer,
                                   std::shared_ptr<bus::EngineSendSink> sink)
    : broker_(std::move(broker)),
      producer_(std::move(producer)),
      batches_(std::make_shared<SendBatches>(producer_, std::move(sink))) {
  const auto last = producer_->last_sequence_id();
  sequence_ = last ? *last + 1 : 0;
}

EmbeddedProducer::~EmbeddedProducer() {
  batches_->submit_all();
  producer_->close([](const Result<>&) {});
}

void EmbeddedProducer::send(std::uint64_t tag, OutgoingMessage message) {
  const auto own_id = message.sequence_id;
  // The bus has made a time of the delay.
  storage::Append append = broker::encode_raw(std::move(message), name(), Timestamp{});
  if (own_id) {
    // What the application numbers is stored once; what we number is never sent again.
    append.flags |= storage::EntryFlags::kDeduplicate;
    sequence_ = std::max(sequence_, *own_id + 1);
  } else {
    append.sequence = sequence_++;
  }
  batches_->add(tag, std::move(append));
}

Result<> EmbeddedProducer::close() {
  batches_->submit_all();
  return ignore_closed(wait<void>("close producer", [&](auto done) { producer_->close(std::move(done)); }));
}

EmbeddedConsumer::~EmbeddedConsumer() {
  acknowledgements_->submit_all();
  consumer_->close([](const Result<>&) {});
}

void EmbeddedConsumer::taken(std::uint32_t messages, std::uint64_t bytes) {
  consumer_->flow({.messages = messages, .bytes = bytes});
}

void EmbeddedConsumer::acknowledge(std::uint64_t tag, bus::Done<void> done) {
  acknowledgements_->add(EntryId{tag}, std::move(done));
}

void EmbeddedConsumer::acknowledge_up_to(std::uint64_t tag, bus::Done<void> done) {
  acknowledgements_->submit_all();
  consumer_->acknowledge({.entries = {}, .batches = {}, .up_to = EntryId{tag}}, std::move(done));
}

void EmbeddedConsumer::negative_acknowledge(std::uint64_t tag, std::chrono::milliseconds delay) {
  consumer_->redeliver({EntryId{tag}}, delay, true);
}

Result<> EmbeddedConsumer::stop() {
  acknowledgements_->submit_all();
  return ignore_closed(wait<void>("stop consumer", [&](auto done) { consumer_->stop(std::move(done)); }));
}

void EmbeddedConsumer::give_back(std::vector<std::uint64_t> tags) {
  std::vector<EntryId> entries;
  entries.reserve(tags.size());
  for (const std::uint64_t tag : tags) entries.push_back(EntryId{tag});
  consumer_->redeliver(std::move(entries), std::chrono::milliseconds{0}, false);
}

Result<> EmbeddedConsumer::close() {
  acknowledgements_->submit_all();
  return ignore_closed(wait<void>("close consumer", [&](auto done) { consumer_->close(std::move(done)); }));
}

Result<> EmbeddedConsumer::seek(const SeekTarget& target) {
  acknowledgements_->submit_all();
  return wait<void>("seek", [&](auto done) { consumer_->seek(target, std::move(done)); });
}

Result<> EmbeddedConsumer::unsubscribe() {
  acknowledgements_->submit_all();
  return wait<void>("unsubscribe", [&](auto done) { consumer_->unsubscribe(std::move(done)); });
}

void EmbeddedReader::taken(std::uint32_t messages, std::uint64_t bytes) {
  reader_->flow({.messages = messages, .bytes = bytes});
}

Result<bool> EmbeddedReader::has_more(std::optional<MessageId> last_taken) {
  const auto after = last_taken ? std::optional(last_taken->entry) : std::nullopt;
  return wait<bool>("has_next", [&](auto done) { reader_->has_more(after, std::move(done)); });
}

Result<> EmbeddedReader::close() {
  return ignore_closed(wait<void>("close reader", [&](auto done) { reader_->close(std::move(done)); }));
}

}  // namespace geminga::engines::embedded
