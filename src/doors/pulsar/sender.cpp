#include "doors/pulsar/sender.hpp"

#include <algorithm>
#include <utility>

#include "doors/pulsar/entries.hpp"
#include "wire/pulsar/codec.hpp"

namespace geminga::doors::pulsar {

namespace {

// One record of the log; beyond it the next one begins.
constexpr std::size_t kRecordEntriesMax = 500;
constexpr std::uint64_t kRecordBytesMax = 1 << 20;

constexpr std::uint64_t kFromBroker = UINT64_MAX;  ///< in place of a request's id

}  // namespace

void Sender::send(const wire::CommandSend& send, std::string_view bytes) {
  const auto entry = wire::parse_entry(bytes);
  if (!entry && entry.error().fault == wire::Fault::bad_checksum)
    return refuse(send, {.error = wire::ServerError::checksum, .text = entry.error().text()});
  if (!entry) return session_.end(entry.error().text());
  const auto metadata = wire::decode<wire::MessageMetadata>(entry->metadata);
  if (!metadata) return session_.end(metadata.error().text());
  if (const auto good = check_send(send, *entry, *metadata, session_.host().frame_bytes_max()); !good)
    return refuse(send, {.error = server_error(good.error().code), .text = good.error().message});
  form(to_append(send, *entry, *metadata));
  if (producer_->deduplicates()) forming_.back().flags |= storage::EntryFlags::kDeduplicate;
  const std::uint64_t size = forming_.back().bytes().size() + storage::kAppendOverheadBytes;
  expect(send).bytes = size;
  session_.publishing(size);
  session_.sending_.insert(shared_from_this());
  forming_bytes_ += size;
  if (forming_.size() >= kRecordEntriesMax || forming_bytes_ >= kRecordBytesMax || producer_->paced())
    submit();
}

void Sender::form(storage::Append append) {
  wire::FrameBuffer& received = session_.received();
  append.owner = received.keep();
  if (forming_.empty() || forming_.back().owner != append.owner)
    pieces_.push_back({.first = forming_.size(), .bytes = 0, .held_bytes = received.held_bytes()});
  pieces_.back().bytes += append.bytes().size();
  forming_.push_back(std::move(append));
}

/// Few bytes must not keep many: where less than half of a piece of memory is on its way to the log, that is
/// copied.
void Sender::settle_where_bytes_lie() {
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    if (2 * pieces_[i].bytes >= pieces_[i].held_bytes) continue;
    const std::size_t behind = i + 1 < pieces_.size() ? pieces_[i + 1].first : forming_.size();
    for (std::size_t at = pieces_[i].first; at < behind; ++at) forming_[at].copy_bytes();
  }
  pieces_.clear();
}

Sender::Outstanding& Sender::expect(const wire::CommandSend& send) {
  outstanding_.push_back({.sequence_id = send.sequence_id});
  Outstanding& one = outstanding_.back();
  if (send.highest_sequence_id.present()) one.highest_sequence_id = *send.highest_sequence_id;
  return one;
}

void Sender::refuse(const wire::CommandSend& send, Refusal why) {
  submit();  // a record holds sends that follow one another
  expect(send).answer = std::unexpected(std::move(why));
  reply_in_order();
}

void Sender::submit() {
  if (forming_.empty()) return;
  const std::size_t count = forming_.size();
  const std::uint64_t first = first_ + outstanding_.size() - count;
  forming_bytes_ = 0;
  settle_where_bytes_lie();
  producer_->publish(
      std::exchange(forming_, {}),
      session_.back<std::vector<MessageId>>(
          [self = shared_from_this(), first, count](Session&, const Result<std::vector<MessageId>>& ids) {
            self->answered(first, count, ids);
          }));
}

void Sender::answered(std::uint64_t first, std::size_t count, const Result<std::vector<MessageId>>& ids) {
  for (std::size_t i = 0; i < count; ++i) {
    auto& answer = outstanding_[first - first_ + i].answer;
    if (ids)
      answer = (*ids)[i];
    else
      answer = std::unexpected(Refusal{.error = server_error(ids.error().code), .text = ids.error().message});
  }
  reply_in_order();
}

void Sender::reply_in_order() {
  while (!outstanding_.empty() && outstanding_.front().answer) {
    reply(outstanding_.front());
    session_.published(outstanding_.front().bytes);
    outstanding_.pop_front();
    ++first_;
  }
  if (outstanding_.empty() && released_ && when_empty_) std::exchange(when_empty_, nullptr)(session_);
}

void Sender::reply(const Outstanding& one) {
  const Answer& answer = *one.answer;
  if (!answer) {
    return session_.reply(wire::CommandSendError{.producer_id = id_,
                                                 .sequence_id = one.sequence_id,
                                                 .error = answer.error().error,
                                                 .message = answer.error().text});
  }
  wire::CommandSendReceipt receipt{
      .producer_id = id_,
      .sequence_id = one.sequence_id,
      .message_id = wire::MessageIdData{.ledger_id = answer->ledger.value, .entry_id = answer->entry.value}};
  if (one.highest_sequence_id) receipt.highest_sequence_id = *one.highest_sequence_id;
  session_.reply(receipt);
}

void Sender::close(std::function<void(Session&)> closed) {
  submit();
  when_empty_ = std::move(closed);
  const auto released = [self = shared_from_this()](Session&, const Result<>&) {
    self->released_ = true;
    self->reply_in_order();
  };
  producer_->close(session_.back<void>(released));
}

void Sender::end(const Error& reason) {
  submit();
  session_.remove(*this, true);
  if (!when_empty_) {
    when_empty_ = [id = id_](Session& session) {
      session.reply(wire::CommandCloseProducer{.producer_id = id, .request_id = kFromBroker});
    };
  }
  static_cast<void>(reason);
  released_ = true;
  reply_in_order();
}

void Sender::drop() {
  forming_.clear();
  pieces_.clear();
  when_empty_ = nullptr;
  producer_.reset();
}

}  // namespace geminga::doors::pulsar
