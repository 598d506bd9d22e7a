#include "broker/topic_reader.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "broker/read_check.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {

namespace {
constexpr std::int64_t kReadEntriesMax = 1'000;
}

TopicReader::TopicReader(Topic& topic, EntryId position, Permits permits, std::shared_ptr<DeliverySink> sink)
    : topic_(topic),
      start_(position),
      position_(position),
      messages_(permits.messages),
      bytes_(static_cast<std::int64_t>(permits.bytes)),
      sink_(std::move(sink)) {}

void TopicReader::flow(Permits more) {
  messages_ += more.messages;
  bytes_ += static_cast<std::int64_t>(more.bytes);
  pump();
}

void TopicReader::pump() {
  if (topic_.sends_in_turns()) return topic_.pump_all();
  while (sink_ && !reading_ && messages_ > 0 && bytes_ > 0 && position_ < topic_.end()) {
    const base::MonotonicTime now = topic_.context()->options.clock->monotonic_now();
    const RateLimit& rate = topic_.limits().dispatch_rate();
    if (!rate.open(now)) return topic_.limits().wait_for_dispatch(now);
    const auto room = static_cast<std::uint64_t>(std::min(messages_, kReadEntriesMax));
    std::optional<Result<std::vector<storage::Entry>>> at_once;
    reading_ = true;
    const storage::ReadRequest request{
        .topic = topic_.id(),
        .from = position_,
        .entries_max = static_cast<std::uint32_t>(std::min(room, rate.messages.ready(now))),
        .bytes_max = std::min<std::uint64_t>(static_cast<std::uint64_t>(bytes_), 1ULL << 20)};
    topic_.context()->log->read(request, [this, self = shared_from_this(), topic = topic_.shared_from_this(),
                                          &at_once](Result<std::vector<storage::Entry>> entries) {
      // On our own thread only when the log answers from memory, before read() returns.
      if (topic_.core().loop.here()) {
        at_once = std::move(entries);
        return;
      }
      topic->core().loop.post([self, topic, entries = std::move(entries)]() mutable {
        self->take(std::move(entries));
        self->pump();
      });
    });
    if (!at_once) return;
    const EntryId before = position_;
    take(std::move(*at_once));
    if (position_ == before) return;
  }
  if (sink_ && topic_.terminated() && position_ >= topic_.end() && !std::exchange(told_end_, true))
    sink_->on_end_of_topic();
}

void TopicReader::take(Result<std::vector<storage::Entry>> given) {
  reading_ = false;
  if (!sink_) return;
  auto entries = without_holes(std::move(given));
  if (!entries) {
    log::error("broker", "a reader of {} ends: {}", topic_.name(), entries.error().message);
    shut_down(entries.error());
    return;
  }
  if (entries->empty()) return;
  std::vector<Delivered> delivered;
  delivered.reserve(entries->size());
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  const base::MonotonicTime now = topic_.context()->options.clock->monotonic_now();
  RateLimit& rate = topic_.limits().dispatch_rate();
  for (storage::Entry& entry : *entries) {
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
  if (delivered.empty()) return;
  topic_.count_out(messages, bytes);
  sink_->on_entries(std::move(delivered));
}

void TopicReader::close() {
  sink_ = nullptr;
  topic_.remove_reader(shared_from_this());
}

void TopicReader::shut_down(const Error& reason) {
  if (const auto sink = std::exchange(sink_, nullptr)) sink->on_closed(reason);
}

}  // namespace geminga::broker
