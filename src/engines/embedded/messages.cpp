#include "engines/embedded/messages.hpp"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/try.hpp"
#include "broker/raw_message.hpp"
#include "engines/embedded/pulsar_entries.hpp"

namespace geminga::engines::embedded {

namespace {

/// Makes of it one of which messages can be made.
Result<> prepare(storage::Entry& entry) {
  switch (entry.header.format) {
    case storage::PayloadFormat::raw:
      GEMINGA_TRY_VOID(broker::parts_of_raw(entry));
      return {};
    case storage::PayloadFormat::pulsar:
      return make_readable(entry);
    case storage::PayloadFormat::kafka:
      break;
  }
  return fail(ErrorCode::unsupported_by_engine, "the entry was written by another protocol");
}

/// What the header does not say, of a body in which prepare() found no fault.
void unpack_body(storage::PayloadFormat format, std::string_view body, Message& into) {
  if (format == storage::PayloadFormat::pulsar)
    unpack_pulsar(body, into);
  else
    broker::unpack_raw(body, into);
}

/// The bodies of some entries in one piece, each behind a byte that says its format. Copied: an entry keeps
/// megabytes of its segment or of the memory table.
class PackedBodies final : public bus::PackedMessages {
 public:
  /// Large enough to share; smaller than what the allocator fetches from the kernel each time.
  static constexpr std::size_t kBytes = 64 << 10;

  PackedBodies(std::string topic, std::size_t bytes)
      : topic_(std::move(topic)), bytes_(std::make_unique_for_overwrite<char[]>(bytes)), size_(bytes) {}

  [[nodiscard]] static std::size_t bytes_of(const storage::Entry& entry) { return 1 + entry.body.size(); }
  [[nodiscard]] bool has_room(std::size_t bytes) const { return bytes <= size_ - used_; }
  std::string_view add(const storage::Entry& entry) {
    char* const place = bytes_.get() + used_;
    *place = static_cast<char>(entry.header.format);
    std::ranges::copy(entry.body, place + 1);
    used_ += bytes_of(entry);
    return {place, bytes_of(entry)};
  }
  [[nodiscard]] std::string_view key(std::string_view packed) const override {
    const std::string_view body = packed.substr(1);
    return format_of(packed) == storage::PayloadFormat::pulsar ? key_of_pulsar(body)
                                                               : broker::key_of_raw(body);
  }
  void unpack(std::string_view packed, Message& into) const override {
    into.topic = topic_;
    unpack_body(format_of(packed), packed.substr(1), into);
  }

 private:
  static storage::PayloadFormat format_of(std::string_view packed) {
    return static_cast<storage::PayloadFormat>(packed.front());
  }

  const std::string topic_;
  const std::unique_ptr<char[]> bytes_;
  const std::size_t size_;
  std::size_t used_ = 0;
};

}  // namespace

namespace {

/// The messages of a batch; those of its fields that all have in common are there.
std::vector<Message> messages_of_batch(const storage::Entry& entry, const std::string& topic,
                                       std::int32_t partition) {
  Message common = broker::message_of_header(entry.header);
  common.id.partition = partition;
  common.topic = topic;
  std::vector<Message> messages(entry.header.message_count, common);
  std::int32_t index = 0;
  for (Message& message : messages) message.id.batch_index = index++;
  unpack_pulsar_batch(entry.body, messages);
  return messages;
}

/// What one call of the broker brings, on its way to the bus.
class Arrival {
 public:
  Arrival(const std::string& topic, std::int32_t partition, OpenBatches* batches,
          const std::vector<broker::Delivered>& entries)
      : topic_(topic), partition_(partition), batches_(batches) {
    messages_.reserve(entries.size());
    for (const broker::Delivered& each : entries) left_ += PackedBodies::bytes_of(each.entry);
  }

  /// One in which prepare() found no fault.
  void add(const broker::Delivered& delivered) {
    if (is_pulsar_batch(delivered.entry.header))
      add_batch(delivered);
    else
      add_message(delivered);
    left_ -= PackedBodies::bytes_of(delivered.entry);
  }
  /// One of a consumer that was published in a form that cannot be read here.
  void add_unreadable(const broker::Delivered& delivered, const Error& why) {
    const storage::Entry& entry = delivered.entry;
    Message known = broker::message_of_header(entry.header);
    known.id.partition = partition_;
    known.topic = topic_;
    known.redelivery_count = delivered.redelivery_count;
    describe_pulsar(entry.body, known);
    left_ -= PackedBodies::bytes_of(entry);
    const auto reason = std::make_shared<const std::string>(why.message);
    if (!is_pulsar_batch(entry.header)) {
      messages_.push_back({.message = std::move(known),
                           .tag = entry.header.entry.value,
                           .bytes = broker::permit_bytes(entry),
                           .unreadable = reason});
      return;
    }
    Message other;
    other.id = known.id;
    other.topic = topic_;
    std::vector<Message> all(entry.header.message_count, other);
    all.front() = std::move(known);  // the payload of all of them is there once
    add_messages(delivered, std::move(all), reason);
  }
  [[nodiscard]] std::vector<bus::EngineMessage>& messages() { return messages_; }

 private:
  void add_message(const broker::Delivered& delivered) {
    const storage::Entry& entry = delivered.entry;
    const std::size_t size = PackedBodies::bytes_of(entry);
    if (!bodies_ || !bodies_->has_room(size))
      bodies_ = std::make_shared<PackedBodies>(topic_, std::max(size, std::min(left_, PackedBodies::kBytes)));
    bus::EngineMessage message{.message = broker::message_of_header(entry.header),
                               .tag = entry.header.entry.value,
                               .bytes = broker::permit_bytes(entry),
                               .owner = bodies_,
                               .packed = bodies_->add(entry)};
    message.message.id.partition = partition_;
    message.message.redelivery_count = delivered.redelivery_count;
    // The order of keys is kept by what key() says, so that must be the key.
    if (entry.header.format == storage::PayloadFormat::pulsar && has_encoded_key(entry.body))
      message.unpack();
    messages_.push_back(std::move(message));
  }

  void add_batch(const broker::Delivered& delivered) {
    add_messages(delivered, messages_of_batch(delivered.entry, topic_, partition_));
  }

  void add_messages(const broker::Delivered& delivered, std::vector<Message> all,
                    const std::shared_ptr<const std::string>& unreadable = nullptr) {
    const storage::Entry& entry = delivered.entry;
    const auto count = static_cast<std::uint32_t>(all.size());
    const std::uint64_t tag =
        batches_ == nullptr ? 0 : batches_->open(entry.header.entry, count, delivered.acknowledged);
    std::uint64_t bytes = broker::permit_bytes(entry);  // the first one counts them all
    for (std::uint32_t i = 0; i < count; ++i) {
      if (broker::holds(delivered.acknowledged, i)) continue;
      all[i].redelivery_count = delivered.redelivery_count;
      all[i].id.batch_index = static_cast<std::int32_t>(i);
      messages_.push_back({.message = std::move(all[i]),
                           .tag = tag + i,
                           .bytes = std::exchange(bytes, 0),
                           .unreadable = unreadable});
    }
  }

  const std::string& topic_;
  const std::int32_t partition_;
  OpenBatches* const batches_;
  std::vector<bus::EngineMessage> messages_;
  std::shared_ptr<PackedBodies> bodies_;
  std::size_t left_ = 0;  ///< bytes of what was not added
};

}  // namespace

Result<std::vector<Message>> to_messages(storage::Entry entry, const std::string& topic,
                                         std::int32_t partition) {
  GEMINGA_TRY_VOID(prepare(entry));
  if (is_pulsar_batch(entry.header)) return messages_of_batch(entry, topic, partition);
  std::vector<Message> one{broker::message_of_header(entry.header)};
  one.front().id.partition = partition;
  one.front().topic = topic;
  unpack_body(entry.header.format, entry.body, one.front());
  return one;
}

void MessageSink::on_entries(std::vector<broker::Delivered> entries) {
  std::vector<Result<>> prepared;
  prepared.reserve(entries.size());
  for (broker::Delivered& delivered : entries) prepared.push_back(prepare(delivered.entry));
  Arrival arrival(topic_, partition_, batches_.get(), entries);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const storage::EntryHeader& header = entries[i].entry.header;
    if (prepared[i]) {
      arrival.add(entries[i]);
    } else if (batches_ && header.format == storage::PayloadFormat::pulsar) {
      arrival.add_unreadable(entries[i], prepared[i].error());
    } else {
      // Passing it over would lose it; whoever waits here hears why nothing comes.
      const Error error = prepared[i].error().with(fmt::format("entry {} of {}", header.entry.value, topic_));
      log::error("embedded", "{}", error.message);
      if (!arrival.messages().empty()) sink_->on_messages(std::move(arrival.messages()));
      return sink_->on_closed(error);
    }
  }
  if (!arrival.messages().empty()) sink_->on_messages(std::move(arrival.messages()));
}

void MessageSink::withdraw() {
  if (batches_) batches_->clear();
  sink_->on_withdrawn(0);
}

namespace {

/// One after the other: nearly always all are there and nothing waits. A topic that is there answers inside
/// the call that asks, so this is a loop and no recursion: a batch may hold any number of messages.
class Resolver : public std::enable_shared_from_this<Resolver> {
 public:
  using Publications = std::vector<broker::Publication>;
  Resolver(broker::Broker& broker, std::vector<TopicMessage> messages, broker::Done<Publications> done)
      : broker_(broker), messages_(std::move(messages)), done_(std::move(done)) {
    publications_.reserve(messages_.size());
  }

  void run() {
    while (publications_.size() < messages_.size()) {
      if (!topic_ && !ask()) return;
      if (!*topic_) return done_(std::unexpected(topic_->error()));
      take();
    }
    done_(std::move(publications_));
  }

 private:
  enum class Step : std::uint8_t { asked, answered, waiting };

  /// False: the answer comes later, perhaps on another thread, and run() goes on there.
  bool ask() {
    step_ = Step::asked;
    broker_.open_topic(messages_[publications_.size()].topic, true,
                       [self = shared_from_this()](Result<broker::TopicPtr> topic) {
                         self->topic_ = std::move(topic);
                         if (self->step_.exchange(Step::answered) == Step::waiting) self->run();
                       });
    return step_.exchange(Step::waiting) == Step::answered;
  }
  void take() {
    const std::size_t at = publications_.size();
    publications_.push_back({**topic_, broker::encode_raw(std::move(messages_[at].message), "",
                                                          base::Clock::system().wall_now())});
    const bool again = at + 1 < messages_.size() && messages_[at + 1].topic == messages_[at].topic;
    if (!again) topic_.reset();
  }

  broker::Broker& broker_;
  std::vector<TopicMessage> messages_;
  broker::Done<Publications> done_;
  Publications publications_;
  std::optional<Result<broker::TopicPtr>> topic_;  // of the next message, where it is known
  std::atomic<Step> step_ = Step::asked;
};

}  // namespace

void resolve(broker::Broker& broker, std::vector<TopicMessage> messages,
             broker::Done<std::vector<broker::Publication>> done) {
  std::make_shared<Resolver>(broker, std::move(messages), std::move(done))->run();
}

}  // namespace geminga::engines::embedded
