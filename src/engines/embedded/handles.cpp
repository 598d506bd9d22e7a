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

void EmbeddedConsumer::hand_back(const std::optional<OpenBatches::Return>& entry) {
  if (entry) consumer_->redeliver({entry->entry}, entry->delay, entry->counts);
}

namespace {

/// What settles `tag`. Errors: conflict (it is not out any more).
Result<broker::Acknowledgement> settling(const OpenBatches& batches, std::uint64_t tag) {
  if (!OpenBatches::has(tag)) return broker::Acknowledgement{.entries = {EntryId{tag}}};
  const auto place = batches.find(tag);
  if (!place) return AckBatches::not_ours();
  return broker::Acknowledgement{.batches = {{.entry = place->entry, .acknowledged = bits(place->index)}}};
}

}  // namespace

void EmbeddedConsumer::acknowledge(std::uint64_t tag, bus::Done<void> done) {
  if (!OpenBatches::has(tag)) return acknowledgements_->add(EntryId{tag}, std::move(done));
  auto what = settling(*batches_, tag);
  if (!what) return done(std::unexpected(what.error()));
  consumer_->acknowledge(*std::move(what), [batches = batches_, consumer = consumer_, tag,
                                            done = std::move(done)](Result<> settled) mutable {
    // Where the disk would not have it, it is out as before.
    if (settled || settled.error().code == ErrorCode::conflict) {
      if (const auto back = batches->settled(tag))
        consumer->redeliver({back->entry}, back->delay, back->counts);
    }
    done(std::move(settled));
  });
}

void EmbeddedConsumer::acknowledge_up_to(std::uint64_t tag, bus::Done<void> done) {
  acknowledgements_->submit_all();
  OpenBatches::Place last{.entry = EntryId{tag}, .index = UINT32_MAX - 1};
  broker::Acknowledgement what{.up_to = EntryId{tag}};
  if (OpenBatches::has(tag)) {
    const auto place = batches_->find(tag);
    if (!place) return done(AckBatches::not_ours());
    last = *place;
    what = {.batches = {{.entry = last.entry, .acknowledged = bits(0, last.index + 1)}}};
    if (last.entry.value > 0) what.up_to = EntryId{last.entry.value - 1};
  }
  consumer_->acknowledge(std::move(what),
                         [batches = batches_, last, done = std::move(done)](Result<> settled) mutable {
                           if (settled) batches->settled_up_to(last);
                           done(std::move(settled));
                         });
}

EmbeddedConsumer::Forward EmbeddedConsumer::forwarding() const {
  return [batches = batches_, consumer = consumer_](std::uint64_t tag,
                                                    std::vector<broker::Publication> publications,
                                                    bus::Done<std::vector<MessageId>> done) {
    auto what = settling(*batches, tag);
    if (!what) return done(std::unexpected(what.error()));
    consumer->forward(
        *std::move(what), std::move(publications),
        [batches, consumer, tag, done = std::move(done)](Result<std::vector<MessageId>> ids) mutable {
          if (const auto back = ids ? batches->settled(tag) : std::nullopt)
            consumer->redeliver({back->entry}, back->delay, back->counts);
          done(std::move(ids));
        });
  };
}

void EmbeddedConsumer::negative_acknowledge(std::uint64_t tag, std::chrono::milliseconds delay) {
  if (OpenBatches::has(tag)) return hand_back(batches_->returned(tag, delay, true));
  consumer_->redeliver({EntryId{tag}}, delay, true);
}

Result<> EmbeddedConsumer::stop() {
  acknowledgements_->submit_all();
  return ignore_closed(wait<void>("stop consumer", [&](auto done) { consumer_->stop(std::move(done)); }));
}

void EmbeddedConsumer::give_back(std::vector<std::uint64_t> tags) {
  std::vector<EntryId> entries;
  entries.reserve(tags.size());
  for (const std::uint64_t tag : tags) {
    if (OpenBatches::has(tag))
      hand_back(batches_->returned(tag, std::chrono::milliseconds{0}, false));
    else
      entries.push_back(EntryId{tag});
  }
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
