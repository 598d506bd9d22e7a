#include "broker/topic_reader.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "broker/read_check.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {

namespace {
constexpr std::int64_t kReadEntriesMax = 2'000;
}

TopicReader::TopicReader(Topic& topic, EntryId position, bool read_compacted, Permits permits,
                         std::shared_ptr<DeliverySink> sink)
    : topic_(topic),
      start_(position),
      position_(position),
      messages_(permits.messages),
      bytes_(static_cast<std::int64_t>(permits.bytes)),
      compacted_(read_compacted ? std::make_shared<CompactedReads>(topic) : nullptr),
      sink_(std::move(sink)) {}

void TopicReader::flow(Permits more) {
  messages_ += more.messages;
  bytes_ += static_cast<std::int64_t>(more.bytes);
  pump();
}

void TopicReader::pump() {
  if (pumping_) return;  // a sink that gives permits back at once
  pumping_ = true;
  ask();
  while (sink_ && came_) {
    const EntryId before = position_;
    auto delivered = accept(*std::exchange(came_, std::nullopt));
    if (position_ == before) {
      wait_for_rate();
      break;
    }
    ask();  // what must come from the disk is on its way while these are handed over
    if (!delivered.empty()) sink_->on_entries(std::move(delivered));  // else all of it was compacted away
  }
  pumping_ = false;
  if (sink_ && topic_.terminated() && position_ >= topic_.end() && !std::exchange(told_end_, true))
    sink_->on_end_of_topic();
}

/// True: nothing may go out now, and it goes on by itself.
bool TopicReader::wait_for_rate() {
  const base::MonotonicTime now = topic_.context()->options.clock->monotonic_now();
  if (topic_.limits().dispatch_rate().open(now)) return false;
  topic_.limits().wait_for_dispatch(now);
  return true;
}

void TopicReader::ask() {
  if (!sink_ || reading_ || came_ || messages_ <= 0 || bytes_ <= 0 || position_ >= topic_.end()) return;
  if (wait_for_rate()) return;
  const base::MonotonicTime now = topic_.context()->options.clock->monotonic_now();
  const auto room = static_cast<std::uint64_t>(std::min(messages_, kReadEntriesMax));
  const storage::ReadRequest request{
      .topic = topic_.id(),
      .from = position_,
      .entries_max =
          static_cast<std::uint32_t>(std::min(room, topic_.limits().dispatch_rate().messages.ready(now))),
      .bytes_max = std::min<std::uint64_t>(static_cast<std::uint64_t>(bytes_), 2ULL << 20)};
  reading_ = true;
  if (compacted_ && compacted_->covers(position_)) {
    return compacted_->read(request,
                            [self = shared_from_this(), topic = topic_.shared_from_this()](Came read) {
                              self->come(std::move(read));
                              self->pump();
                            });
  }
  topic_.context()->log->read(request, [self = shared_from_this(), topic = topic_.shared_from_this()](
                                           Result<std::vector<storage::Entry>> entries) {
    // On our own thread only when the log answers from memory, before read() returns.
    if (topic->core().loop.here()) return self->come_whole(std::move(entries));
    topic->core().loop.post([self, topic, entries = std::move(entries)]() mutable {
      self->come_whole(std::move(entries));
      self->pump();
    });
  });
}

void TopicReader::come(Came entries) {
  reading_ = false;
  came_ = std::move(entries);
}

void TopicReader::come_whole(Result<std::vector<storage::Entry>> entries) {
  auto whole = without_holes(std::move(entries));
  if (!whole) return come(std::unexpected(whole.error()));
  come(CompactedEntries{.entries = *std::move(whole), .behind = position_});
}

void TopicReader::has_more(EntryId from, Answer<bool> answer) {
  if (!compacted_) return answer(std::max(from, topic_.first()) < topic_.end());
  compacted_->has_more(from, std::move(answer));
}

/// What of it may go out now; the position and the permits are behind it then.
std::vector<Delivered> TopicReader::accept(Came given) {
  std::vector<Delivered> delivered;
  if (!given) {
    log::error("broker", "a reader of {} ends: {}", topic_.name(), given.error().message);
    shut_down(given.error());
    return delivered;
  }
  delivered.reserve(given->entries.size());
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  const base::MonotonicTime now = topic_.context()->options.clock->monotonic_now();
  RateLimit& rate = topic_.limits().dispatch_rate();
  for (storage::Entry& entry : given->entries) {
    // The rest is read again when it may go out.
    if (messages_ <= 0 || bytes_ <= 0 || !rate.open(now)) break;
    rate.spend(std::max(1U, entry.header.message_count), entry.header.body_bytes, now);
    messages_ -= std::max(1U, entry.header.message_count);
    messages += entry.header.message_count;
    bytes_ -= static_cast<std::int64_t>(permit_bytes(entry));
    bytes += entry.header.body_bytes;
    position_ = EntryId{entry.header.entry.value + 1};
    delivered.push_back({.entry = std::move(entry), .redelivery_count = 0});
  }
  if (delivered.size() == given->entries.size()) position_ = std::max(position_, given->behind);
  if (!delivered.empty()) topic_.count_out(messages, bytes);
  return delivered;
}

void TopicReader::close() {
  sink_ = nullptr;
  topic_.remove_reader(shared_from_this());
}

void TopicReader::shut_down(const Error& reason) {
  if (const auto sink = std::exchange(sink_, nullptr)) sink->on_closed(reason);
}

}  // namespace geminga::broker
