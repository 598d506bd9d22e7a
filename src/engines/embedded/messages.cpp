#include "engines/embedded/messages.hpp"

#include <atomic>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "broker/raw_message.hpp"

namespace geminga::engines::embedded {

Result<Message> to_message(const storage::Entry& entry, const std::string& topic, std::int32_t partition) {
  if (entry.header.format != storage::PayloadFormat::raw)
    return fail(ErrorCode::unsupported_by_engine, "the entry was written by another protocol");
  auto message = broker::decode_raw(entry);
  if (!message) return message;
  message->topic = topic;
  message->id.partition = partition;
  return message;
}

void MessageSink::on_entries(std::vector<broker::Delivered> entries) {
  std::vector<bus::EngineMessage> messages;
  messages.reserve(entries.size());
  for (const broker::Delivered& delivered : entries) {
    auto message = to_message(delivered.entry, topic_, partition_);
    if (!message) {
      // Passing it over would lose it; it stays unsettled, and whoever waits here hears why nothing comes.
      log::error("embedded", "{} entry {}: {}", topic_, delivered.entry.header.entry.value,
                 message.error().message);
      if (!messages.empty()) sink_->on_messages(std::move(messages));
      return sink_->on_closed(
          message.error().with(fmt::format("entry {} of {}", delivered.entry.header.entry.value, topic_)));
    }
    message->redelivery_count = delivered.redelivery_count;
    messages.push_back({.message = std::move(*message),
                        .tag = delivered.entry.header.entry.value,
                        .bytes = broker::permit_bytes(delivered.entry)});
  }
  if (!messages.empty()) sink_->on_messages(std::move(messages));
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
